//! The last good copy of what came over the network: a start while the home cluster is away goes on with it.
//! It holds credentials, so only the user may read it.

use crate::config::yaml;
use crate::engine::files::private;
use crate::engine::proxy::config::read::{Document, DocumentForm};
use crate::model::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version in each file; another form gets another version.
const VERSION: u32 = 1;

/// The copy of one source.
#[derive(Debug, Clone)]
pub struct Kept {
    file: PathBuf,
    source: String,
}

#[derive(Serialize, Deserialize)]
struct Copy {
    version: u32,
    source: String,
    written: UnixSeconds,
    documents: Vec<CopiedDocument>,
}

#[derive(Serialize, Deserialize)]
struct CopiedDocument {
    name: String,
    text: String,
    /// Key of a credential; `None` for YAML.
    key: Option<String>,
}

impl Kept {
    /// The copy of `source`, by its display form, in the state folder; each source has a copy of its own.
    pub fn new(state: &Path, source: &str) -> Self {
        let plain: String = source.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        Self { file: state.join(format!("last-good-{plain}.json")), source: source.to_owned() }
    }

    /// Returns the documents and the time they were kept; `None` if there is no copy, or it is malformed.
    pub fn read(&self) -> Option<(Vec<Document>, UnixSeconds)> {
        let text = yaml::read(&self.file, &self.source).ok()??;
        let copy: Copy = serde_json::from_str(&text).ok()?;
        let of = |document: CopiedDocument| match document.key {
            Some(key) => Document::credential(&document.name, &key, &document.text, None),
            None => Document::remote(&document.name, &document.text),
        };
        let is_ours = copy.version == VERSION && copy.source == self.source;
        is_ours.then(|| (copy.documents.into_iter().map(of).collect(), copy.written))
    }

    /// Keeps documents that were accepted.
    ///
    /// Fails if the file cannot be written.
    pub fn write(&self, documents: &[Document], now: UnixSeconds) -> std::io::Result<()> {
        let of = |document: &Document| CopiedDocument {
            name: document.name.clone(),
            text: document.text.clone(),
            key: match &document.form {
                DocumentForm::Credential { key, .. } => Some(key.clone()),
                DocumentForm::Yaml { .. } => None,
            },
        };
        let documents = documents.iter().map(of).collect();
        let copy = Copy { version: VERSION, source: self.source.clone(), written: now, documents };
        private::own(&self.file, &serde_json::to_vec(&copy)?)
    }
}
