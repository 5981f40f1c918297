//! Where one has been: `esc`, `[`, `]` and `-` restore scope, filter, sort and scroll.

use super::place::Place;

/// The way through places of one tab, without the present one.
#[derive(Debug, Clone, Default)]
pub struct History {
    back: Vec<Place>,
    forward: Vec<Place>,
    last: Option<Place>,
}

/// Places kept each way; the oldest goes first.
const PLACES_MAX: usize = 64;

impl History {
    /// Notes that `from` was left for a new place.
    pub fn left(&mut self, from: Place) {
        self.last = Some(from.clone());
        self.back.push(from);
        if self.back.len() > PLACES_MAX {
            self.back.remove(0);
        }
        self.forward.clear();
    }

    /// The place before `from`, if there is one.
    pub fn back(&mut self, from: Place) -> Option<Place> {
        let place = self.back.pop()?;
        self.last = Some(from.clone());
        self.forward.push(from);
        Some(place)
    }

    /// The place `from` was reached back from.
    pub fn forward(&mut self, from: Place) -> Option<Place> {
        let place = self.forward.pop()?;
        self.last = Some(from.clone());
        self.back.push(from);
        Some(place)
    }

    /// The place seen just before this one, whichever way it was left.
    pub fn last(&mut self, from: Place) -> Option<Place> {
        let place = self.last.clone()?;
        self.left(from);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::place::Source;
    use crate::views::scope::Scope;

    fn place(name: &str) -> Place {
        Place::of(Source::Resources(name.into()), Scope::default())
    }

    #[test]
    fn back_and_forward_walk_the_same_way() {
        let mut history = History::default();
        history.left(place("a"));
        history.left(place("b"));
        assert_eq!(history.back(place("c")), Some(place("b")));
        assert_eq!(history.back(place("b")), Some(place("a")));
        assert_eq!(history.back(place("a")), None);
        assert_eq!(history.forward(place("a")), Some(place("b")));
        assert_eq!(history.last(place("b")), Some(place("a")));
        assert_eq!(history.forward(place("a")), None, "a new way was taken");
    }
}
