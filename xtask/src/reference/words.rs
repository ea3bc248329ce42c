//! Enumerations whose variants are words, as macros of the product write them: `Variant => "word",` with a doc comment.

use std::collections::BTreeMap;

use anyhow::Context;
use syn::{
    Attribute, Ident, LitStr, Token, braced,
    parse::{Parse, ParseStream},
};

/// One word and the sentence beside it.
pub(super) struct Word {
    pub(super) word: String,
    pub(super) says: String,
}

/// The words of a file, by the name of their enumeration.
pub(super) struct Words(BTreeMap<String, Vec<Word>>);

impl Words {
    /// Those that invocations of this macro define.
    pub(super) fn parse(file: &syn::File, name: &str) -> anyhow::Result<Self> {
        let mut found = BTreeMap::new();
        for item in &file.items {
            let syn::Item::Macro(item) = item else { continue };
            if item.ident.is_none() && item.mac.path.is_ident(name) {
                let Enumeration { name, words } =
                    syn::parse2(item.mac.tokens.clone()).context("an enumeration of words does not parse")?;
                found.insert(name, words);
            }
        }
        Ok(Self(found))
    }

    /// Those of one enumeration.
    pub(super) fn of(&self, name: &str) -> anyhow::Result<&[Word]> {
        self.0.get(name).map(Vec::as_slice).with_context(|| format!("there are no words of {name}"))
    }
}

struct Enumeration {
    name: String,
    words: Vec<Word>,
}

impl Parse for Enumeration {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.call(Attribute::parse_outer)?;
        input.parse::<syn::Visibility>()?;
        input.parse::<Option<Token![enum]>>()?;
        let name = input.parse::<Ident>()?.to_string();
        let body;
        braced!(body in input);
        let mut words = Vec::new();
        while !body.is_empty() {
            let says = doc(&body.call(Attribute::parse_outer)?);
            body.parse::<Ident>()?;
            body.parse::<Token![=>]>()?;
            let word = body.parse::<LitStr>()?.value();
            body.parse::<Option<Token![,]>>()?;
            words.push(Word { word, says });
        }
        Ok(Self { name, words })
    }
}

/// The variants of a plain enumeration, which are their own words.
pub(super) fn variants(file: &syn::File, name: &str) -> anyhow::Result<Vec<Word>> {
    let mut enums = file.items.iter().filter_map(|item| {
        let syn::Item::Enum(item) = item else { return None };
        (item.ident == name).then_some(item)
    });
    let found = enums.next().with_context(|| format!("there is no enumeration {name}"))?;
    let word = |variant: &syn::Variant| Word { word: variant.ident.to_string(), says: doc(&variant.attrs) };
    Ok(found.variants.iter().map(word).collect())
}

/// A doc comment as one line.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let texts = lines.filter_map(|attribute| {
        let syn::Expr::Lit(text) = &attribute.meta.require_name_value().ok()?.value else { return None };
        let syn::Lit::Str(text) = &text.lit else { return None };
        Some(text.value().trim().to_owned())
    });
    texts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn said(words: &[Word]) -> Vec<(&str, &str)> {
        words.iter().map(|each| (each.word.as_str(), each.says.as_str())).collect()
    }

    #[test]
    fn words_of_both_macros_are_read_with_their_sentences() {
        let file = syn::parse_str(
            "words!(/// All.\n A { /// One\n /// line.\n X => \"x-x\", Y => \"y\", });\n\
             label! { /// All.\n pub(super) enum B { Z => \"z\", } }",
        )
        .unwrap();
        let words = Words::parse(&file, "words").unwrap();
        assert_eq!(said(words.of("A").unwrap()), [("x-x", "One line."), ("y", "")]);
        assert!(words.of("B").is_err());
        assert_eq!(said(Words::parse(&file, "label").unwrap().of("B").unwrap()), [("z", "")]);
    }

    #[test]
    fn variants_of_a_plain_enumeration_are_words() {
        let file = syn::parse_str("enum Other { C } pub enum State { /// Good.\n Fine, Bad }").unwrap();
        assert_eq!(said(&variants(&file, "State").unwrap()), [("Fine", "Good."), ("Bad", "")]);
        assert!(variants(&file, "Gone").is_err());
    }
}
