//! Which models have no text completions, as their providers said: they are asked in another form at once for a while.
//! Takes `now`; bounded, since clients invent names of models.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long it is believed: a server may be given another model under the same name.
const BELIEVED: Duration = Duration::from_secs(3600);
/// Models that are remembered.
const MOST: usize = 1024;

/// What providers said.
#[derive(Debug, Default)]
pub(super) struct Forms(Mutex<HashMap<(String, String), Instant>>);

impl Forms {
    /// Whether a provider's model is known to have no text completions.
    pub(super) fn is_without(&self, provider: &str, model: &str, now: Instant) -> bool {
        let key = (provider.to_owned(), model.to_owned());
        let told = self.0.lock().get(&key).copied();
        told.is_some_and(|told| now.saturating_duration_since(told) < BELIEVED)
    }

    /// Takes down that it has none.
    pub(super) fn learn(&self, provider: &str, model: &str, now: Instant) {
        let mut known = self.0.lock();
        if known.len() >= MOST {
            known.retain(|_, told| now.saturating_duration_since(*told) < BELIEVED);
        }
        if known.len() >= MOST {
            let oldest = known.iter().min_by_key(|(_, told)| **told);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                known.remove(&oldest);
            }
        }
        known.insert((provider.to_owned(), model.to_owned()), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_said_of_one_model_is_believed_for_an_hour() {
        let (forms, now) = (Forms::default(), Instant::now());
        forms.learn("p", "m", now);
        assert!(forms.is_without("p", "m", now));
        assert!(!forms.is_without("p", "n", now) && !forms.is_without("q", "m", now));
        assert!(forms.is_without("p", "m", now + BELIEVED - Duration::from_secs(1)));
        assert!(!forms.is_without("p", "m", now + BELIEVED));
    }

    #[test]
    fn invented_names_take_no_more_room_and_the_oldest_goes_first() {
        let (forms, now) = (Forms::default(), Instant::now());
        let at = |i: usize| now + Duration::from_millis(i as u64);
        for i in 0..=MOST {
            forms.learn("p", &format!("m{i}"), at(i));
        }
        assert_eq!(forms.0.lock().len(), MOST);
        assert!(!forms.is_without("p", "m0", at(MOST)));
        assert!(forms.is_without("p", "m1", at(MOST)));
        forms.learn("p", "new", at(MOST) + BELIEVED);
        assert_eq!(forms.0.lock().len(), 1);
    }
}
