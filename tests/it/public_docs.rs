//! Docs of public items: each names its subject, and a call that can fail says when. That each item has one is the
//! lint `missing_docs`.

use super::architecture::sources;
use std::fs;
use std::path::Path;
use syn::visit::Visit;

/// Pronouns that stand for a subject the reader has to guess.
const PRONOUNS: &[&str] = &["What", "Who", "Those", "It", "One"];

/// Words by which a doc says when a call fails.
const WHEN: &[&str] = &["fail", "error", "Err", "refus", "reject", "invalid"];

/// The public items of one file that break a rule.
struct Wrong<'a> {
    file: &'a Path,
    found: Vec<String>,
}

fn doc_of(attributes: &[syn::Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let syn::Meta::NameValue(pair) = &attribute.meta
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value
        {
            lines.push(text.value().trim().to_owned());
        }
    }
    lines.join(" ")
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.parse_args::<syn::Ident>().is_ok_and(|i| i == "test"))
}

/// Says whether a type has a `Result` in it: also one that a future or a stream gives.
fn gives_result(output: &syn::ReturnType) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
            self.0 |= segment.ident == "Result";
            syn::visit::visit_path_segment(self, segment);
        }
    }
    let mut finder = Finder(false);
    finder.visit_return_type(output);
    finder.0
}

impl Wrong<'_> {
    fn doc(&mut self, what: &str, attributes: &[syn::Attribute]) {
        let doc = doc_of(attributes);
        let first: String = doc.chars().take_while(|c| c.is_alphanumeric()).collect();
        if PRONOUNS.contains(&first.as_str()) {
            self.found.push(format!("{}: the doc of `{what}` begins with {first}", self.file.display()));
        }
    }

    fn call(&mut self, signature: &syn::Signature, attributes: &[syn::Attribute]) {
        let name = signature.ident.to_string();
        self.doc(&name, attributes);
        let doc = doc_of(attributes).to_lowercase();
        if gives_result(&signature.output) && !WHEN.iter().any(|word| doc.contains(&word.to_lowercase())) {
            self.found.push(format!("{}: the doc of `{name}` does not say when it fails", self.file.display()));
        }
    }
}

impl<'ast> Visit<'ast> for Wrong<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if is_public(&item.vis) {
            self.call(&item.sig, &item.attrs);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if is_public(&item.vis) {
            self.call(&item.sig, &item.attrs);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if is_public(&item.vis) {
            self.doc(&item.ident.to_string(), &item.attrs);
            for field in item.fields.iter().filter(|field| is_public(&field.vis)) {
                let name = field.ident.as_ref().map_or_else(|| "0".to_owned(), ToString::to_string);
                self.doc(&format!("{}.{name}", item.ident), &field.attrs);
            }
        }
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        if is_public(&item.vis) {
            self.doc(&item.ident.to_string(), &item.attrs);
            for variant in &item.variants {
                self.doc(&format!("{}::{}", item.ident, variant.ident), &variant.attrs);
            }
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if is_public(&item.vis) {
            self.doc(&item.ident.to_string(), &item.attrs);
            for inner in &item.items {
                if let syn::TraitItem::Fn(call) = inner {
                    self.call(&call.sig, &call.attrs);
                }
            }
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        if is_public(&item.vis) {
            self.doc(&item.ident.to_string(), &item.attrs);
        }
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if is_public(&item.vis) {
            self.doc(&item.ident.to_string(), &item.attrs);
        }
    }
}

/// What is wrong in one source.
fn wrong(file: &Path, source: &str) -> Vec<String> {
    let mut wrong = Wrong { file, found: Vec::new() };
    wrong.visit_file(&syn::parse_file(source).expect("a file of ours parses"));
    wrong.found
}

#[test]
fn docs_name_their_subject_and_say_when_a_call_fails() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let all: Vec<String> =
        files.iter().flat_map(|file| wrong(file, &fs::read_to_string(file).expect("a source can be read"))).collect();
    assert!(all.is_empty(), "{} docs:\n{}", all.len(), all.join("\n"));
}

#[test]
fn a_doc_that_hides_its_subject_is_found() {
    let count = |source: &str| wrong(Path::new("src/x.rs"), source).len();
    assert_eq!(count("/// What it says.\npub struct A;"), 1);
    assert_eq!(count("/// The text.\npub struct A { /// One of them.\n pub b: u8 }"), 1);
    assert_eq!(count("/// Reads a file.\npub fn a() -> Result<(), String> { Ok(()) }"), 1);
    assert_eq!(count("/// Reads a file. Fails where there is none.\npub fn a() -> Result<(), String> { Ok(()) }"), 0);
    assert_eq!(count("/// Asks.\npub fn a() -> BoxFuture<'static, Result<(), String>> { b() }"), 1);
    assert_eq!(count("/// What a private thing is.\nstruct A;"), 0);
}
