//! Length of files and functions.

use anyhow::Context;
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::Visit;

use super::{
    Breach,
    sources::{Source, Sources},
};

/// Lines of a source file; generated files are exempt.
const FILE_LINES: usize = 600;
/// Lines of a function, signature and braces included.
const FUNCTION_LINES: usize = 70;

pub(super) fn check(sources: &Sources) -> anyhow::Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for file in sources.files.iter().filter(|file| file.is_rust() && !file.is_generated()) {
        let lines = file.text.lines().count();
        if lines > FILE_LINES {
            breaches.push(Breach::new(
                &file.path,
                format!("{lines} lines; at most {FILE_LINES}: split it by noun"),
            ));
        }
        breaches.extend(functions(file)?);
    }
    Ok(breaches)
}

fn functions(file: &Source) -> anyhow::Result<Vec<Breach>> {
    let parsed = syn::parse_file(&file.text).with_context(|| format!("{} does not parse", file.path))?;
    let mut finder = LongFunctions { path: &file.path, breaches: Vec::new() };
    finder.visit_file(&parsed);
    Ok(finder.breaches)
}

struct LongFunctions<'a> {
    path: &'a str,
    breaches: Vec<Breach>,
}

impl LongFunctions<'_> {
    fn measure(&mut self, name: &syn::Ident, whole: Span) {
        let (first, last) = (whole.start().line, whole.end().line);
        let lines = last.saturating_sub(first) + 1;
        if lines > FUNCTION_LINES {
            self.breaches.push(Breach::new(
                format!("{}:{first}", self.path),
                format!("`{name}` has {lines} lines; at most {FUNCTION_LINES}: a function fits a screen"),
            ));
        }
    }
}

impl<'ast> Visit<'ast> for LongFunctions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let start = function.sig.span();
        self.measure(&function.sig.ident, start.join(function.block.span()).unwrap_or(start));
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        let start = function.sig.span();
        self.measure(&function.sig.ident, start.join(function.block.span()).unwrap_or(start));
        syn::visit::visit_impl_item_fn(self, function);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_seventy_lines_passes_and_one_more_does_not() {
        let body = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
        let check = |lines| {
            functions(&Source { path: "x.rs".into(), text: body(lines) })
                .unwrap()
                .into_iter()
                .map(|b| b.place)
                .collect::<Vec<String>>()
        };
        let none: Vec<String> = Vec::new();
        assert_eq!(check(70), none);
        assert_eq!(check(71), vec!["x.rs:1".to_owned()]);
    }
}
