//! In which order clusters are changed: the canary, then so many at a time, protected ones alone and last.

use super::plan::Touched;
use crate::model::change::Options;
use crate::model::cluster::{Access, ClusterName};

/// Returns the clusters of each wave. Fails where the canary is none of the clusters that are changed.
pub fn waves(touched: &[Touched], options: &Options) -> Result<Vec<Vec<ClusterName>>, String> {
    let is_canary = |touched: &Touched| options.canary.as_ref() == Some(&touched.cluster);
    let mut waves = Vec::new();
    if let Some(canary) = &options.canary {
        if !touched.iter().any(is_canary) {
            return Err(format!("the canary {canary} is not among the clusters that are changed"));
        }
        waves.push(vec![canary.clone()]);
    }
    let names = |access: fn(Access) -> bool| {
        let rest = touched.iter().filter(move |touched| !is_canary(touched) && access(touched.access));
        rest.map(|touched| touched.cluster.clone()).collect::<Vec<_>>()
    };
    let size = usize::try_from(options.wave.max(1)).unwrap_or(usize::MAX);
    waves.extend(names(|access| access == Access::Guarded).chunks(size).map(<[ClusterName]>::to_vec));
    waves.extend(names(|access| access != Access::Guarded).into_iter().map(|name| vec![name]));
    Ok(waves)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(names: &[&str]) -> Vec<Touched> {
        let access = |name: &str| if name.starts_with("prod") { Access::Protected } else { Access::Guarded };
        let one = |name: &&str| Touched { cluster: ClusterName::new(name), access: access(name), targets: 1 };
        names.iter().map(one).collect()
    }

    fn of(names: &[&str], canary: Option<&str>, wave: u32) -> Result<Vec<String>, String> {
        let options = Options { canary: canary.map(ClusterName::new), wave, ..Options::default() };
        let waves = waves(&touched(names), &options)?;
        let joined = |wave: &Vec<ClusterName>| wave.iter().map(ClusterName::as_str).collect::<Vec<_>>().join("+");
        Ok(waves.iter().map(joined).collect())
    }

    #[test]
    fn the_canary_is_first_and_protected_clusters_are_alone_and_last() {
        let all = ["a", "prod-1", "b", "c", "prod-2"];
        assert_eq!(of(&all, None, 1).unwrap(), ["a", "b", "c", "prod-1", "prod-2"]);
        assert_eq!(of(&all, None, 2).unwrap(), ["a+b", "c", "prod-1", "prod-2"]);
        assert_eq!(of(&all, Some("c"), 9).unwrap(), ["c", "a+b", "prod-1", "prod-2"]);
        assert_eq!(of(&all, Some("prod-2"), 1).unwrap(), ["prod-2", "a", "b", "c", "prod-1"]);
        assert!(of(&all, Some("d"), 1).unwrap_err().contains('d'));
        assert!(of(&[], None, 1).unwrap().is_empty());
    }
}
