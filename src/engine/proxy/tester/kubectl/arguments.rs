//! kubectl's flags: which take a value, and which mean something else with some verbs.

/// A flag of kubectl, with or without a value.
#[derive(Clone, Copy)]
struct Flag {
    long: &'static str,
    short: char,
    takes: bool,
    /// Verbs with this form of the flag; empty stands for all other verbs.
    verbs: &'static [&'static str],
}

const NO: char = '\0';

const fn value(long: &'static str, short: char) -> Flag {
    Flag { long, short, takes: true, verbs: &[] }
}

const fn switch(long: &'static str, short: char) -> Flag {
    Flag { long, short, takes: false, verbs: &[] }
}

const fn only(verbs: &'static [&'static str], flag: Flag) -> Flag {
    Flag { verbs, ..flag }
}

/// All flags; a form for some verbs comes before the form for all.
#[rustfmt::skip]
const FLAGS: &[Flag] = &[
    only(&["logs"], switch("follow", 'f')),
    only(&["logs"], switch("previous", 'p')),
    only(&["rollout"], switch("watch", 'w')),
    value("namespace", 'n'), value("selector", 'l'), value("field-selector", NO), value("output", 'o'),
    value("filename", 'f'), value("container", 'c'), value("patch", 'p'), value("kustomize", 'k'), value("server", 's'),
    value("label-columns", 'L'), value("v", 'v'),
    value("as", NO), value("as-group", NO), value("as-uid", NO), value("user", NO), value("token", NO),
    value("cluster", NO), value("context", NO), value("kubeconfig", NO), value("cache-dir", NO),
    value("request-timeout", NO), value("certificate-authority", NO), value("client-certificate", NO),
    value("client-key", NO), value("tls-server-name", NO), value("chunk-size", NO), value("sort-by", NO),
    value("subresource", NO), value("raw", NO), value("for", NO), value("types", NO), value("template", NO),
    value("tail", NO), value("since", NO), value("since-time", NO), value("limit-bytes", NO),
    value("max-log-requests", NO), value("pod-running-timeout", NO), value("replicas", NO),
    value("current-replicas", NO), value("resource-version", NO), value("timeout", NO), value("grace-period", NO),
    value("type", NO), value("patch-file", NO), value("image", NO), value("port", NO), value("target-port", NO),
    value("address", NO), value("field-manager", NO), value("to-revision", NO), value("revision", NO),
    value("verbs", NO), value("api-group", NO), value("api-version", NO), value("from-literal", NO),
    value("from-file", NO), value("from-env-file", NO), value("env", NO), value("name", NO), value("min", NO),
    value("max", NO), value("cpu", NO), value("cpu-percent", NO), value("pod-selector", NO), value("restart", NO),
    value("labels", NO), value("overrides", NO), value("schedule", NO), value("from", NO), value("role", NO),
    value("clusterrole", NO), value("serviceaccount", NO), value("group", NO), value("verb", NO),
    value("resource", NO), value("resource-name", NO), value("rule", NO), value("class", NO), value("hard", NO),
    value("audience", NO), value("duration", NO), value("tcp", NO), value("docker-server", NO),
    value("docker-username", NO), value("docker-password", NO), value("cert", NO), value("key", NO),
    switch("all-namespaces", 'A'), switch("watch", 'w'), switch("watch-only", NO), switch("stdin", 'i'),
    switch("tty", 't'), switch("recursive", 'R'), switch("quiet", 'q'), switch("all", NO), switch("follow", NO),
    switch("previous", NO), switch("server-side", NO), switch("force", NO), switch("force-conflicts", NO),
    switch("ignore-not-found", NO), switch("show-labels", NO), switch("show-kind", NO),
    switch("show-managed-fields", NO), switch("no-headers", NO), switch("now", NO), switch("overwrite", NO),
    switch("local", NO), switch("list", NO), switch("timestamps", NO), switch("all-containers", NO),
    switch("prefix", NO), switch("ignore-errors", NO), switch("prune", NO), switch("wait", NO), switch("dry-run", NO),
    switch("cascade", NO), switch("validate", NO), switch("insecure-skip-tls-verify", NO), switch("namespaced", NO),
    switch("cached", NO), switch("ignore-daemonsets", NO), switch("delete-emptydir-data", NO),
    switch("disable-eviction", NO), switch("client", NO), switch("containers", NO), switch("sum", NO),
    switch("rm", NO), switch("attach", NO), switch("expose", NO), switch("no-preserve", NO), switch("retries", NO),
    switch("output-watch-events", NO), switch("server-print", NO), switch("save-config", NO), switch("recursive", NO),
];

/// Words, flags, and the words behind `--`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) words: Vec<String>,
    flags: Vec<(&'static str, String)>,
    pub(super) behind: Vec<String>,
}

impl Arguments {
    /// Splits a command line into the verb and its arguments. Fails if there is no verb, a flag is
    /// unknown or lacks its value, or an argument is empty.
    pub(super) fn read<'a>(words: &[&'a str]) -> Result<(&'a str, Self), String> {
        // Flags may stand before the verb, and some mean another thing with some verbs.
        let verb = verb(words).ok_or("kubectl does nothing without a verb: kubectl get pods")?;
        let mut out = Self::default();
        let mut rest = words.iter().copied();
        let mut is_verb = true;
        while let Some(word) = rest.next() {
            if word == "--" {
                out.behind = rest.map(str::to_owned).collect();
                break;
            }
            if let Some(long) = word.strip_prefix("--") {
                let (name, given) = long.split_once('=').map_or((long, None), |(name, given)| (name, Some(given)));
                out.long(verb, name, given, &mut rest)?;
            } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                out.short(verb, letters, &mut rest)?;
            } else if is_verb {
                is_verb = false;
            } else if word.is_empty() {
                return Err("an argument is empty: leave it out".to_owned());
            } else {
                out.words.push(word.to_owned());
            }
        }
        Ok((verb, out))
    }

    fn long<'a>(
        &mut self,
        verb: &str,
        name: &str,
        given: Option<&str>,
        rest: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), String> {
        match (find(verb, |flag| flag.long == name), given) {
            // What is not known here and brings its value along changes nothing that is.
            (None, Some(_)) => {}
            (None, None) => {
                return Err(format!(
                    "--{name} is not known here: leave it out, or write it with its value as --{name}=VALUE"
                ));
            }
            (Some(flag), Some(given)) => self.flags.push((flag.long, given.to_owned())),
            (Some(flag), None) if flag.takes => {
                let given = rest.next().ok_or_else(|| format!("--{name} needs a value"))?;
                self.flags.push((flag.long, given.to_owned()));
            }
            (Some(flag), None) => self.flags.push((flag.long, "true".to_owned())),
        }
        Ok(())
    }

    /// Reads short flags: `-A`, `-it`, `-n web`, `-nweb`, `-n=web`.
    fn short<'a>(&mut self, verb: &str, letters: &str, rest: &mut impl Iterator<Item = &'a str>) -> Result<(), String> {
        let mut left = letters;
        while let Some(letter) = left.chars().next() {
            left = left.get(letter.len_utf8()..).unwrap_or_default();
            let flag = find(verb, |flag| flag.short == letter && letter != NO)
                .ok_or_else(|| format!("-{letter} is not known here: leave it out"))?;
            if !flag.takes {
                self.flags.push((flag.long, "true".to_owned()));
                continue;
            }
            let given = if left.is_empty() { rest.next() } else { Some(left.strip_prefix('=').unwrap_or(left)) };
            let given = given.ok_or_else(|| format!("-{letter} needs a value"))?;
            self.flags.push((flag.long, given.to_owned()));
            break;
        }
        Ok(())
    }

    /// Returns the value of a flag; the last one counts.
    pub(super) fn get(&self, long: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(name, _)| *name == long).map(|(_, value)| value.as_str())
    }

    pub(super) fn all(&self, long: &str) -> impl Iterator<Item = &str> {
        self.flags.iter().filter(move |(name, _)| *name == long).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, long: &str) -> bool {
        self.get(long).is_some_and(|value| value != "false")
    }
}

/// Returns the first word that is no value of a flag. The flags of all verbs count, since the verb is not known yet.
fn verb<'a>(words: &[&'a str]) -> Option<&'a str> {
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        let takes = |flag: Option<&Flag>| flag.is_some_and(|flag| flag.takes);
        if let Some(long) = word.strip_prefix("--") {
            if !long.contains('=') && takes(find("", |flag| flag.long == long)) {
                rest.next();
            }
        } else if let Some(letters) = word.strip_prefix('-') {
            let mut letters = letters.chars();
            if let (Some(letter), None) = (letters.next(), letters.next())
                && takes(find("", |flag| flag.short == letter))
            {
                rest.next();
            }
        } else {
            return Some(word);
        }
    }
    None
}

fn find(verb: &str, is_it: impl Fn(&Flag) -> bool) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| (flag.verbs.is_empty() || flag.verbs.contains(&verb)) && is_it(flag))
}
