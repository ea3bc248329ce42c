//! The metrics, from the code that registers them: what a name is bound to, and the type of the field that holds it.

use std::collections::BTreeMap;

use anyhow::Context;
use syn::{Expr, visit::Visit};

use super::{cell, words::Words};

/// One metric.
struct Metric {
    /// As a scrape shows it.
    name: String,
    help: String,
    /// Labels and their values.
    labels: Vec<(String, String)>,
}

/// All of them, in the order of registration.
pub(super) struct Metrics(Vec<Metric>);

impl Metrics {
    /// Those that `code` registers, with the label sets of `labels` and the words of their enumerations.
    pub(super) fn parse(code: &syn::File, labels: &syn::File, words: &Words) -> anyhow::Result<Self> {
        let mut found = Found::default();
        found.visit_file(code);
        let (holders, sets) = (fields(code), fields(labels));
        let holders: BTreeMap<String, Kind> = holders.into_values().flatten().collect();
        let metric = |Registered { bound, name, help }| {
            let Some(bound) = bound else {
                return Ok(Metric { name: format!("headroom_{name}_info"), help, labels: Vec::new() });
            };
            let kind = holders.get(&bound).with_context(|| format!("no field holds the metric {name}"))?;
            let set = kind.inner.first().and_then(|set| sets.get(set));
            let label = |(label, of): &(String, Kind)| {
                let values: Vec<String> =
                    words.of(&of.outer)?.iter().map(|each| format!("`{}`", each.word)).collect();
                Ok((label.clone(), values.join(", ")))
            };
            let labels = set.into_iter().flatten().map(label).collect::<anyhow::Result<_>>()?;
            Ok(Metric { name: format!("headroom_{name}{}", kind.ending()), help, labels })
        };
        Ok(Self(found.0.into_iter().map(metric).collect::<anyhow::Result<_>>()?))
    }

    /// A row each; the labels' values would make it too wide, so these follow in a table of their own.
    pub(super) fn table(&self) -> String {
        let mut metrics = "| metric | labels | meaning |\n|---|---|---|\n".to_owned();
        // By label and values: several metrics may have the same ones.
        let mut bearers: BTreeMap<&(String, String), Vec<String>> = BTreeMap::new();
        for Metric { name, help, labels } in &self.0 {
            let names: Vec<String> = labels.iter().map(|(label, _)| format!("`{label}`")).collect();
            metrics.extend([format!("| `{name}` | {} | {} |\n", names.join(", "), cell(help))]);
            for label in labels {
                bearers.entry(label).or_default().push(format!("`{name}`"));
            }
        }
        let rows = bearers
            .into_iter()
            .map(|((label, values), names)| format!("| `{label}` | {} | {values} |\n", names.join(", ")));
        format!("{metrics}\n| label | of | values |\n|---|---|---|\n{}", rows.collect::<String>())
    }
}

/// `Outer<Inner, …>`, as far as it is made of plain names.
struct Kind {
    outer: String,
    inner: Vec<String>,
}

impl Kind {
    fn of(kind: &syn::Type) -> Option<Self> {
        let syn::Type::Path(path) = kind else { return None };
        let last = path.path.segments.last()?;
        let mut inner = Vec::new();
        if let syn::PathArguments::AngleBracketed(list) = &last.arguments {
            for argument in &list.args {
                if let syn::GenericArgument::Type(kind) = argument {
                    inner.extend(Self::of(kind).map(|kind| kind.outer));
                }
            }
        }
        Some(Self { outer: last.ident.to_string(), inner })
    }

    /// What a scrape appends to the name that was registered.
    fn ending(&self) -> &'static str {
        let counts = self.outer == "Counter" || self.inner.iter().any(|inner| inner == "Counter");
        if counts { "_total" } else { "" }
    }
}

/// The named fields of each struct with their types.
fn fields(file: &syn::File) -> BTreeMap<String, Vec<(String, Kind)>> {
    let mut found = BTreeMap::new();
    for item in &file.items {
        let syn::Item::Struct(item) = item else { continue };
        let typed = item
            .fields
            .iter()
            .filter_map(|field| Some((field.ident.as_ref()?.to_string(), Kind::of(&field.ty)?)));
        found.insert(item.ident.to_string(), typed.collect());
    }
    found
}

/// A name that is registered.
struct Registered {
    /// The field that holds the metric; none holds an `Info`, which never changes.
    bound: Option<String>,
    name: String,
    help: String,
}

/// Looks for `field: family(r, "name", "help")`, the same in a `let`, and `r.register("name", "help", field.clone())`.
#[derive(Default)]
struct Found(Vec<Registered>);

impl Found {
    fn made(&mut self, bound: &syn::Ident, value: &Expr) {
        let Expr::Call(call) = value else { return };
        let mut texts = call.args.iter().skip(1).map_while(text);
        if let (Some(name), Some(help)) = (texts.next(), texts.next()) {
            self.0.push(Registered { bound: Some(bound.to_string()), name, help });
        }
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if let syn::Member::Named(name) = &field.member {
            self.made(name, &field.expr);
        }
        syn::visit::visit_field_value(self, field);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let (syn::Pat::Ident(name), Some(init)) = (&local.pat, &local.init) {
            self.made(&name.ident, &init.expr);
        }
        syn::visit::visit_local(self, local);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let mut texts = call.args.iter().map_while(text);
        if call.method == "register"
            && let (Some(name), Some(help)) = (texts.next(), texts.next())
            && let Some(last) = call.args.last()
        {
            self.0.push(Registered { bound: cloned(last), name, help });
        }
        syn::visit::visit_expr_method_call(self, call);
    }
}

fn text(value: &Expr) -> Option<String> {
    let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = value else { return None };
    Some(text.value())
}

/// `field` of `field.clone()`.
fn cloned(value: &Expr) -> Option<String> {
    let Expr::MethodCall(call) = value else { return None };
    let Expr::Path(path) = call.receiver.as_ref() else { return None };
    path.path.get_ident().map(ToString::to_string)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CODE: &str = "
        struct Metrics { a: Family<ByKind, Counter>, b: Family<ByKind, Histogram, fn() -> Histogram>, c: Gauge }
        fn new(r: &mut Registry) -> Metrics {
            let a = family(r, \"a\", \"The a\");
            r.register(\"b_seconds\", \"The b\", b.clone());
            Metrics { a, b, c: gauge(r, \"c\", \"The c\") }
        }
        fn build(r: &mut Registry) { r.register(\"d\", \"The d\", Info::new([(\"version\", \"1\")])); }
        fn register(name: &str) { r.register(name, help, metric.clone()); }";
    const LABELS: &str = "label! { enum Watched { Pod => \"pod\", Node => \"node\", } }
        struct ByKind { kind: Watched }";

    #[test]
    fn each_way_to_register_a_metric_is_known() {
        let (code, labels) = (syn::parse_str(CODE).unwrap(), syn::parse_str(LABELS).unwrap());
        let words = Words::parse(&labels, "label").unwrap();
        let table = Metrics::parse(&code, &labels, &words).unwrap().table();
        assert_eq!(
            table,
            "| metric | labels | meaning |\n|---|---|---|\n\
             | `headroom_a_total` | `kind` | The a |\n\
             | `headroom_b_seconds` | `kind` | The b |\n\
             | `headroom_c` |  | The c |\n\
             | `headroom_d_info` |  | The d |\n\n\
             | label | of | values |\n|---|---|---|\n\
             | `kind` | `headroom_a_total`, `headroom_b_seconds` | `pod`, `node` |\n"
        );
    }

    #[test]
    fn a_metric_that_no_field_holds_is_an_error() {
        let code = syn::parse_str("fn new() { let lost = counter(r, \"lost\", \"Lost\"); }").unwrap();
        let labels = syn::parse_str("").unwrap();
        let words = Words::parse(&labels, "label").unwrap();
        assert!(Metrics::parse(&code, &labels, &words).is_err());
    }
}
