//! Which StorageClass the fixtures use.

use k8s_openapi::api::storage::v1::StorageClass;

use crate::profile::Profile;

/// A StorageClass as far as the choice goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) name: String,
    pub(crate) provisioner: String,
    expandable: bool,
    default: bool,
}

impl From<StorageClass> for Class {
    fn from(class: StorageClass) -> Self {
        let annotations = class.metadata.annotations.unwrap_or_default();
        let mark = annotations.get("storageclass.kubernetes.io/is-default-class");
        Self {
            name: class.metadata.name.unwrap_or_default(),
            provisioner: class.provisioner,
            expandable: class.allow_volume_expansion == Some(true),
            default: mark.is_some_and(|value| value == "true"),
        }
    }
}

/// The class that was named; else the default one, or with a profile one of its drivers, the default before others.
///
/// # Errors
/// When there is none, or the one that was named does not allow expansion; says what to do.
pub(crate) fn choose(
    classes: &[Class],
    named: Option<&str>,
    profile: Option<Profile>,
) -> Result<Class, String> {
    if let Some(named) = named {
        let class = classes.iter().find(|class| class.name == named);
        let class = class.ok_or_else(|| format!("there is no {named}; there are {}", names(classes)))?;
        return expandable(class);
    }
    let drivers = profile.map_or(&[] as &[&str], Profile::provisioners);
    if drivers.is_empty() {
        let class = classes.iter().find(|class| class.default);
        return expandable(class.ok_or("none is the default; name one with --storage-class")?);
    }
    let mut fitting: Vec<&Class> = classes
        .iter()
        .filter(|class| drivers.contains(&class.provisioner.as_str()) && class.expandable)
        .collect();
    fitting.sort_by_key(|class| (!class.default, class.name.clone()));
    fitting.first().copied().cloned().ok_or_else(|| {
        let drivers = drivers.join(" or ");
        format!(
            "none of {drivers} allows expansion; make one with `allowVolumeExpansion: true`, or name one with --storage-class"
        )
    })
}

fn expandable(class: &Class) -> Result<Class, String> {
    if class.expandable {
        return Ok(class.clone());
    }
    Err(format!("{} does not allow expansion; name another one with --storage-class", class.name))
}

fn names(classes: &[Class]) -> String {
    let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EBS: &str = "ebs.csi.aws.com";

    fn class(name: &str, provisioner: &str, expandable: bool, default: bool) -> Class {
        Class { name: name.to_owned(), provisioner: provisioner.to_owned(), expandable, default }
    }

    /// EKS as it comes, with a class for EBS added.
    fn eks() -> Vec<Class> {
        let in_tree = class("gp2", "kubernetes.io/aws-ebs", false, true);
        vec![
            in_tree,
            class("slow", EBS, true, false),
            class("gp3", EBS, true, false),
            class("old", EBS, false, false),
        ]
    }

    #[track_caller]
    fn check(classes: &[Class], named: Option<&str>, profile: Option<Profile>, expected: Result<&str, &str>) {
        let found = choose(classes, named, profile);
        match expected {
            Ok(name) => assert_eq!(found.map(|class| class.name), Ok(name.to_owned())),
            Err(part) => assert!(found.as_ref().is_err_and(|why| why.contains(part)), "{found:?}"),
        }
    }

    #[test]
    fn the_class_that_was_named_is_used_or_refused_by_name() {
        check(&eks(), Some("slow"), Some(Profile::Azure), Ok("slow"));
        check(&eks(), Some("old"), None, Err("old does not allow expansion"));
        check(&eks(), Some("fast"), None, Err("there are gp2, slow, gp3, old"));
    }

    #[test]
    fn without_a_profile_the_default_class_must_do() {
        check(&eks(), None, None, Err("gp2 does not allow expansion"));
        check(&[class("a", "x", true, false), class("b", "x", true, true)], None, None, Ok("b"));
        check(&[class("a", "x", true, false)], None, Some(Profile::Generic), Err("none is the default"));
    }

    #[test]
    fn a_profile_takes_an_expandable_class_of_its_driver_the_default_one_first() {
        check(&eks(), None, Some(Profile::Aws), Ok("gp3"));
        let mut classes = eks();
        classes.push(class("main", EBS, true, true));
        check(&classes, None, Some(Profile::Aws), Ok("main"));
        check(&eks(), None, Some(Profile::Azure), Err("none of disk.csi.azure.com allows expansion"));
    }
}
