//! From a text to the rules whose operator holds for it, whatever their number.

use crate::engine::proxy::config::Operator;
use crate::engine::proxy::rules::bits::{Bits, Members};
use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, Input};
use regex_automata::{PatternSet, meta};
use std::collections::{BTreeMap, HashMap};

/// Memory that all compiled expressions of one field may take together.
const PATTERNS_MAX: usize = 64 << 20;

/// Memory for the cache of a search, per thread. With less the cache is cleared and filled again.
const SEARCH_MAX: usize = 8 << 20;

/// Collects conditions; equal texts become one entry.
#[derive(Debug)]
pub struct Builder {
    count: usize,
    /// Rules with a condition that every text meets.
    always: Vec<usize>,
    exact: BTreeMap<String, Vec<usize>>,
    /// Rules by a literal; true if it must be at the start.
    literals: BTreeMap<(String, bool), Vec<usize>>,
    patterns: BTreeMap<String, Vec<usize>>,
}

impl Builder {
    /// Creates a builder for `count` rules.
    pub fn new(count: usize) -> Self {
        Self { count, always: Vec::new(), exact: BTreeMap::new(), literals: BTreeMap::new(), patterns: BTreeMap::new() }
    }

    /// Adds a condition of a rule.
    pub fn add(&mut self, operator: Operator, value: &str, rule: usize) {
        let rules = match operator {
            Operator::Equals | Operator::In => self.exact.entry(value.to_owned()).or_default(),
            Operator::Contains | Operator::Prefix if value.is_empty() => &mut self.always,
            Operator::Contains => self.literals.entry((value.to_owned(), false)).or_default(),
            Operator::Prefix => self.literals.entry((value.to_owned(), true)).or_default(),
            Operator::Regex => self.patterns.entry(value.to_owned()).or_default(),
        };
        rules.push(rule);
    }

    /// Builds the index.
    ///
    /// Fails if the literals cannot be searched together, or the regular expressions are too large together.
    pub fn finish(self) -> Result<TextIndex, String> {
        let members = |rules: &Vec<usize>| Members::of(self.count, rules);
        let mut index = TextIndex {
            always: members(&self.always),
            exact: self.exact.iter().map(|(text, rules)| (Box::from(text.as_str()), members(rules))).collect(),
            literals: None,
            patterns: None,
        };
        if !self.literals.is_empty() {
            index.literals = Some(Literals {
                automaton: AhoCorasick::new(self.literals.keys().map(|(literal, _)| literal))
                    .map_err(|e| format!("the texts that rules look for cannot be searched together: {e}"))?,
                found: self.literals.iter().map(|((_, at_start), rules)| (*at_start, members(rules))).collect(),
            });
        }
        if !self.patterns.is_empty() {
            let bounds = meta::Config::new()
                .nfa_size_limit(Some(PATTERNS_MAX))
                .hybrid_cache_capacity(SEARCH_MAX)
                .match_kind(regex_automata::MatchKind::All);
            index.patterns = Some(Patterns {
                search: meta::Builder::new()
                    .configure(bounds)
                    .build_many(&self.patterns.keys().collect::<Vec<_>>())
                    .map_err(|e| format!("the regular expressions of all rules on one field are too large: {e}"))?,
                found: self.patterns.values().map(members).collect(),
            });
        }
        Ok(index)
    }
}

/// Maps a text to the rules whose operator holds for it, without allocating.
#[derive(Debug)]
pub struct TextIndex {
    always: Members,
    exact: HashMap<Box<str>, Members>,
    literals: Option<Literals>,
    patterns: Option<Patterns>,
}

#[derive(Debug)]
struct Literals {
    automaton: AhoCorasick,
    /// Rules of each literal; true if only the start of the text counts.
    found: Vec<(bool, Members)>,
}

#[derive(Debug)]
struct Patterns {
    search: meta::Regex,
    found: Vec<Members>,
}

/// Buffer for the expressions a search finds; reused for each request.
#[derive(Debug)]
pub struct Found(PatternSet);

impl Default for Found {
    fn default() -> Self {
        Self(PatternSet::new(0))
    }
}

impl Found {
    /// Makes room for that many expressions; allocates only for more than ever before.
    pub fn reserve(&mut self, patterns: usize) {
        if self.0.capacity() < patterns {
            self.0 = PatternSet::new(patterns);
        }
    }
}

impl TextIndex {
    /// The number of regular expressions.
    pub fn patterns(&self) -> usize {
        self.patterns.as_ref().map_or(0, |patterns| patterns.found.len())
    }

    /// Adds the rules whose operator holds for the text. `found` has room for [`TextIndex::patterns`].
    pub fn mark(&self, text: &str, held: &mut Bits, found: &mut Found) {
        self.always.mark(held);
        if let Some(rules) = self.exact.get(text) {
            rules.mark(held);
        }
        if let Some(literals) = &self.literals {
            let mut state = OverlappingState::start();
            loop {
                literals.automaton.find_overlapping(Input::new(text), &mut state);
                let Some(hit) = state.get_match() else { break };
                if let Some((at_start, rules)) = literals.found.get(hit.pattern().as_usize())
                    && (!at_start || hit.start() == 0)
                {
                    rules.mark(held);
                }
            }
        }
        if let Some(patterns) = &self.patterns {
            found.0.clear();
            patterns.search.which_overlapping_matches(&regex_automata::Input::new(text), &mut found.0);
            if !found.0.is_empty() {
                for rules in found.0.iter().filter_map(|pattern| patterns.found.get(pattern.as_usize())) {
                    rules.mark(held);
                }
            }
        }
    }
}
