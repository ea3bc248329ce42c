//! The table of mounts, `/proc/self/mountinfo` (proc(5)).

use std::path::PathBuf;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub target: PathBuf,
    /// What is mounted, for a loop device its path.
    pub source: PathBuf,
    /// Type of the file system.
    pub file_system: String,
    /// Whether this mount can only be read.
    pub read_only: bool,
}

/// Reads the text of `/proc/self/mountinfo`. Lines of no known form are left out.
pub fn parse_mountinfo(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_line).collect()
}

/// `36 35 98:0 /root /target rw,noatime shared:1 - ext3 /dev/root rw`: any number of fields before the hyphen.
fn parse_line(line: &str) -> Option<Mount> {
    let (mount, system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(4);
    let (target, options) = (mount.next()?, mount.next()?);
    let mut system = system.split(' ');
    let (file_system, source) = (system.next()?, system.next()?);
    Some(Mount {
        target: unescape(target).into(),
        source: unescape(source).into(),
        file_system: file_system.to_owned(),
        read_only: options.split(',').any(|option| option == "ro"),
    })
}

/// The kernel writes space, tab, newline and backslash as `\` and three octal digits.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        plain.push_str(before);
        if let Some(byte) = escaped.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            plain.push(char::from(byte));
            rest = escaped.get(3..).unwrap_or_default();
        } else {
            plain.push('\\');
            rest = escaped;
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(&str, &str, &str, bool)>) {
        let seen = parse_mountinfo(line);
        let seen: Vec<_> = seen
            .iter()
            .map(|mount| {
                (
                    mount.target.to_str().unwrap_or_default(),
                    mount.source.to_str().unwrap_or_default(),
                    mount.file_system.as_str(),
                    mount.read_only,
                )
            })
            .collect();
        assert_eq!(seen, expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_mount_may_have_any_number_of_optional_fields() {
        check(
            "36 35 7:3 / /mnt rw,relatime - xfs /dev/loop3 rw,nouuid",
            Some(("/mnt", "/dev/loop3", "xfs", false)),
        );
        check(
            "36 35 7:3 / /mnt ro shared:1 master:2 - xfs /dev/loop3 rw",
            Some(("/mnt", "/dev/loop3", "xfs", true)),
        );
    }

    #[test]
    fn only_the_mounts_own_options_make_it_read_only() {
        check("36 35 7:3 / /mnt rw,noro - xfs /dev/loop3 ro", Some(("/mnt", "/dev/loop3", "xfs", false)));
    }

    #[test]
    fn spaces_and_backslashes_of_a_path_are_read() {
        check(
            r"1 2 7:3 / /a\040b\134c rw - xfs /dev/loop3 rw",
            Some((r"/a b\c", "/dev/loop3", "xfs", false)),
        );
        check(r"1 2 7:3 / /a\9 rw - xfs none rw", Some((r"/a\9", "none", "xfs", false)));
    }

    #[test]
    fn a_line_of_another_form_is_left_out() {
        check("36 35 7:3 / /mnt rw", None);
        check("", None);
    }
}
