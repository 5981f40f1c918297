//! A file or a folder as documents. In a folder, YAML files are configuration and `prod-token` is a key of a Secret,
//! as a volume of one is laid out; hidden entries are the volume's own and are left out.

use crate::config::{Environment, yaml};
use crate::engine::files::folder;
use crate::engine::proxy::config::read::{Document, is_credential_key};
use std::path::Path;

/// Bound on files of one folder; a folder with more is not a configuration.
const FILES_MAX: usize = 256;

/// Reads the file, or the files of the folder, as they are now.
///
/// Fails if a file cannot be read or is too large, or a folder has more than 256 files or no YAML file and no
/// credential.
pub fn read(path: &Path, environment: &Environment) -> Result<Vec<Document>, String> {
    if !path.is_dir() {
        return Ok(vec![document(path, environment)?]);
    }
    let shown = environment.shorten(path);
    let all = folder::files(path).map_err(|error| format!("{shown}: cannot be read: {error}"))?;
    if all.len() > FILES_MAX {
        return Err(format!("{shown}: more than {FILES_MAX} files"));
    }
    let mut documents = Vec::new();
    for file in all {
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if is_yaml(&file) {
            documents.push(document(&file, environment)?);
        } else if is_credential_key(&name) {
            let text = text(&file, environment)?;
            documents.push(Document::credential(&environment.shorten(&file), &name, &text, Some(&file)));
        }
    }
    if documents.is_empty() { Err(format!("{shown}: the folder holds no YAML file")) } else { Ok(documents) }
}

fn document(path: &Path, environment: &Environment) -> Result<Document, String> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    Ok(Document::file(&environment.shorten(path), &text(path, environment)?, folder))
}

fn text(path: &Path, environment: &Environment) -> Result<String, String> {
    let shown = environment.shorten(path);
    match yaml::read(path, &shown) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(format!("{shown}: there is no such file")),
        Err(flaw) => Err(flaw.to_string()),
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end.eq_ignore_ascii_case(known)))
}
