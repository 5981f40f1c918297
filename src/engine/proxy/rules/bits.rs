//! Sets of small numbers: places of rules.

const WORD: usize = 64;

/// A set of numbers below a bound that is fixed at its creation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Creates an empty set, for numbers below `bound`.
    pub fn of(bound: usize) -> Self {
        Self { words: vec![0; bound.div_ceil(WORD)] }
    }

    /// Creates a set of every number below `bound`.
    pub fn full(bound: usize) -> Self {
        let mut bits = Self::default();
        bits.fill(bound);
        bits
    }

    /// Fills the set with all numbers below `bound`; allocates only for a bound larger than any before.
    pub fn fill(&mut self, bound: usize) {
        self.words.clear();
        self.words.resize(bound / WORD, u64::MAX);
        if !bound.is_multiple_of(WORD) {
            self.words.push((1 << (bound % WORD)) - 1);
        }
    }

    /// Empties the set, for numbers below `bound`.
    pub fn resize(&mut self, bound: usize) {
        self.words.clear();
        self.words.resize(bound.div_ceil(WORD), 0);
    }

    /// Empties the set; the bound stays.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Adds a number. A number beyond the bound is ignored.
    pub fn set(&mut self, number: usize) {
        if let Some(word) = self.words.get_mut(number / WORD) {
            *word |= 1 << (number % WORD);
        }
    }

    /// Returns true if the set has the number.
    pub fn has(&self, number: usize) -> bool {
        self.words.get(number / WORD).is_some_and(|word| word & (1 << (number % WORD)) != 0)
    }

    /// Adds all numbers of `other`.
    pub fn add(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Keeps the numbers that are in `other` too.
    pub fn intersect(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Removes all numbers of `other`.
    pub fn remove(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// Keeps, of the numbers in `asked`, those in exactly one of `held` and `negated`; all other numbers stay.
    pub fn keep(&mut self, asked: &Self, held: &Self, negated: &Self) {
        let others = asked.words.iter().zip(&held.words).zip(&negated.words);
        for (word, ((asked, held), negated)) in self.words.iter_mut().zip(others) {
            *word &= !asked | (held ^ negated);
        }
    }

    /// Returns true if the sets have no number in common.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(word, other)| word & other == 0)
    }

    /// Returns the smallest number.
    pub fn first(&self) -> Option<usize> {
        self.iter().next()
    }

    /// Iterates over the numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(place, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = usize::try_from(left.trailing_zeros()).ok().filter(|_| left != 0)?;
                left &= left - 1;
                Some(place * WORD + bit)
            })
        })
    }
}

/// A set of rules that a text selects: often a few of a thousand, sometimes all.
#[derive(Debug, Clone)]
pub enum Members {
    /// At most eight rules, as a list.
    Few(Vec<usize>),
    /// More rules, as bits.
    Many(Bits),
}

impl Members {
    /// Largest list; above it a set of bits is cheaper.
    const FEW: usize = 8;

    /// Creates the set of `rules`, of which all are below `bound`.
    pub fn of(bound: usize, rules: &[usize]) -> Self {
        if rules.len() <= Self::FEW {
            return Self::Few(rules.to_vec());
        }
        let mut bits = Bits::of(bound);
        for rule in rules {
            bits.set(*rule);
        }
        Self::Many(bits)
    }

    /// Adds the rules to `held`.
    pub fn mark(&self, held: &mut Bits) {
        match self {
            Self::Few(rules) => rules.iter().for_each(|rule| held.set(*rule)),
            Self::Many(bits) => held.add(bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_know_their_bound() {
        for bound in [0, 1, 63, 64, 65, 200] {
            let bits = Bits::full(bound);
            assert_eq!(bits.iter().collect::<Vec<_>>(), (0..bound).collect::<Vec<_>>());
            assert!(!bits.has(bound));
            assert_eq!(Bits::of(bound).first(), None);
        }
    }

    #[test]
    fn those_asked_stay_where_one_of_both_holds() {
        let set = |numbers: &[usize]| {
            let mut bits = Bits::of(70);
            for number in numbers {
                bits.set(*number);
            }
            bits
        };
        let mut alive = Bits::full(70);
        alive.keep(&set(&[1, 2, 3, 4, 69]), &set(&[1, 3]), &set(&[3, 4, 69]));
        let gone: Vec<usize> = (0..70).filter(|n| !alive.has(*n)).collect();
        assert_eq!(gone, [2, 3]);
    }
}
