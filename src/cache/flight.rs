//! Single flight: of several requests that are the same, one asks the provider
//! and all share what comes back, streamed or whole. Whoever leads may leave
//! without harm to the others; when all have left the call is given up. What comes
//! back is remembered for no longer than each of them allows.
//!
//! Generic over what flies: it knows neither chunks nor errors.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// The parts of a flight: what is known first, what follows, and how it ends.
pub trait Cargo: 'static {
    /// Known before the first item.
    type Head: Clone + Send + Sync;
    /// One piece of a stream.
    type Item: Clone + Send + Sync;
    /// The last word.
    type End: Clone + Send + Sync;

    /// Bytes that an item holds in memory.
    fn weight(item: &Self::Item) -> usize;
}

/// Bytes of items that one flight may hold: whoever boards late hears all of them, so none
/// is let go before the end.
const MAX_HELD: usize = 32 << 20;

/// A flight that holds all that it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

type Key = [u8; 32];
type Sky<C> = Arc<DashMap<Key, Arc<Flight<C>>>>;

struct State<C: Cargo> {
    head: Option<C::Head>,
    items: Vec<C::Item>,
    held: usize,
    end: Option<Option<C::End>>,
}

struct Flight<C: Cargo> {
    state: Mutex<State<C>>,
    changed: Notify,
    riders: AtomicUsize,
    keep_ms: AtomicU64,
    call: Mutex<Option<AbortHandle>>,
}

impl<C: Cargo> Flight<C> {
    fn new(keep_ms: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                head: None,
                items: Vec::new(),
                held: 0,
                end: None,
            }),
            changed: Notify::new(),
            riders: AtomicUsize::new(1),
            keep_ms: AtomicU64::new(keep_ms),
            call: Mutex::new(None),
        })
    }

    fn change(&self, change: impl FnOnce(&mut State<C>)) {
        change(&mut self.state.lock());
        self.changed.notify_waiters();
    }

    /// Waits until the state tells what `tell` looks for. Each flight ends, if only by its pilot's being dropped.
    async fn once<T>(&self, mut tell: impl FnMut(&State<C>) -> Option<T>) -> T {
        loop {
            // Before the look: what changes behind it is heard.
            let changed = self.changed.notified();
            if let Some(told) = tell(&self.state.lock()) {
                return told;
            }
            changed.await;
        }
    }
}

/// All flights under way, by exact key.
pub struct Flights<C: Cargo> {
    sky: Sky<C>,
}

/// A place in a flight.
pub enum Boarding<C: Cargo, L = ()> {
    /// First: this one must make the call, through the pilot, with what it got for that.
    Lead(Pilot<C>, Rider<C>, L),
    /// The call is under way.
    Follow(Rider<C>),
}

impl<C: Cargo> Default for Flights<C> {
    fn default() -> Self {
        Self {
            sky: Arc::default(),
        }
    }
}

impl<C: Cargo> Flights<C> {
    /// Joins the flight for `key`, or opens it. This one allows what comes back to be remembered
    /// for `keep_ms` milliseconds, 0 meaning not at all.
    #[must_use]
    pub fn board(&self, key: Key, keep_ms: u64) -> Boarding<C> {
        match self.board_if(key, keep_ms, || Ok::<_, Infallible>(())) {
            Ok(boarding) => boarding,
            Err(never) => match never {},
        }
    }

    /// As [`Self::board`], but opens a flight only with what `may_lead` gives for it: nobody boards one
    /// that is not to fly. It is asked under the map's lock.
    ///
    /// # Errors
    /// Why it may not be opened.
    pub fn board_if<L, E>(
        &self,
        key: Key,
        keep_ms: u64,
        may_lead: impl FnOnce() -> Result<L, E>,
    ) -> Result<Boarding<C, L>, E> {
        Ok(match self.sky.entry(key) {
            Entry::Occupied(entry) => {
                let flight = entry.get().clone();
                // Counted under the map's lock, so that a flight is never given up with somebody aboard.
                flight.riders.fetch_add(1, Ordering::AcqRel);
                flight.keep_ms.fetch_min(keep_ms, Ordering::AcqRel);
                drop(entry);
                Boarding::Follow(Rider::new(flight, Some((self.sky.clone(), key))))
            }
            Entry::Vacant(entry) => {
                let lead = may_lead()?;
                let flight = Flight::new(keep_ms);
                entry.insert(flight.clone());
                let place = Some((self.sky.clone(), key));
                let pilot = Pilot {
                    flight: flight.clone(),
                    place: place.clone(),
                };
                Boarding::Lead(pilot, Rider::new(flight, place), lead)
            }
        })
    }

    /// A flight that nobody can join.
    #[must_use]
    pub fn alone(keep_ms: u64) -> (Pilot<C>, Rider<C>) {
        let flight = Flight::new(keep_ms);
        let pilot = Pilot {
            flight: flight.clone(),
            place: None,
        };
        (pilot, Rider::new(flight, None))
    }

    /// Calls under way that others could join.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sky.len()
    }

    /// Whether none is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sky.is_empty()
    }
}

/// Makes the call and tells the riders. Dropped without landing, the flight is lost.
pub struct Pilot<C: Cargo> {
    flight: Arc<Flight<C>>,
    place: Option<(Sky<C>, Key)>,
}

impl<C: Cargo> Pilot<C> {
    /// Milliseconds for which what comes back may be remembered: the least of all who boarded so
    /// far, also of those who left. Who boards later is like one who finds it remembered already.
    #[must_use]
    pub fn keep_ms(&self) -> u64 {
        self.flight.keep_ms.load(Ordering::Acquire)
    }

    /// Says what is known before the first item.
    pub fn head(&self, head: C::Head) {
        self.flight.change(|state| state.head = Some(head));
    }

    /// Passes an item on.
    ///
    /// # Errors
    /// [`Full`] if more is held than there is room for. The item was not passed on, and the call
    /// should end.
    pub fn push(&self, item: C::Item) -> Result<(), Full> {
        let weight = C::weight(&item);
        let mut state = self.flight.state.lock();
        if state.held.saturating_add(weight) > MAX_HELD {
            return Err(Full);
        }
        state.held += weight;
        state.items.push(item);
        drop(state);
        self.flight.changed.notify_waiters();
        Ok(())
    }

    /// Ends the flight. Whoever asks after this looks in the cache first and finds it there.
    pub fn land(self, end: C::End) {
        self.leave_sky();
        self.flight.change(|state| state.end = Some(Some(end)));
    }

    fn leave_sky(&self) {
        if let Some((sky, key)) = &self.place {
            sky.remove_if(key, |_, flight| Arc::ptr_eq(flight, &self.flight));
        }
    }
}

impl<C: Cargo> Drop for Pilot<C> {
    fn drop(&mut self) {
        self.leave_sky();
        self.flight.change(|state| {
            state.end.get_or_insert(None);
        });
    }
}

/// What a rider hears next.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard<I, E> {
    /// The next item.
    Item(I),
    /// The end; none if the call was lost without a word.
    End(Option<E>),
}

/// One request waiting for the shared answer.
pub struct Rider<C: Cargo> {
    flight: Arc<Flight<C>>,
    place: Option<(Sky<C>, Key)>,
    at: usize,
}

impl<C: Cargo> Rider<C> {
    fn new(flight: Arc<Flight<C>>, place: Option<(Sky<C>, Key)>) -> Self {
        Self {
            flight,
            place,
            at: 0,
        }
    }

    /// Gives the call's handle, so that the last rider to leave can end it.
    pub fn cancels(&self, call: AbortHandle) {
        *self.flight.call.lock() = Some(call);
    }

    /// Waits for the head, or for an end that came before it.
    pub async fn head(&mut self) -> Result<C::Head, Option<C::End>> {
        let flight = &self.flight;
        let known = flight.once(|state| match (&state.head, &state.end) {
            (Some(head), _) => Some(Ok(head.clone())),
            (None, Some(end)) => Some(Err(end.clone())),
            (None, None) => None,
        });
        known.await
    }

    /// Waits until there is an item or the end; gives the end if that came first.
    pub async fn peek(&mut self) -> Option<C::End> {
        let at = self.at;
        let come = self.flight.once(|state| match &state.end {
            _ if state.items.len() > at => Some(None),
            Some(end) => Some(end.clone()),
            None => None,
        });
        come.await
    }

    /// Waits for the next item or the end.
    pub async fn next(&mut self) -> Heard<C::Item, C::End> {
        let at = self.at;
        let come = self.flight.once(|state| match state.items.get(at) {
            Some(item) => Some(Heard::Item(item.clone())),
            None => state.end.clone().map(Heard::End),
        });
        let heard = come.await;
        if matches!(heard, Heard::Item(_)) {
            self.at += 1;
        }
        heard
    }
}

impl<C: Cargo> Drop for Rider<C> {
    fn drop(&mut self) {
        if self.flight.riders.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let deserted = match &self.place {
            // Somebody may have boarded since: the count is read again under the map's lock.
            Some((sky, key)) => {
                sky.remove_if(key, |_, flight| {
                    Arc::ptr_eq(flight, &self.flight) && flight.riders.load(Ordering::Acquire) == 0
                });
                self.flight.riders.load(Ordering::Acquire) == 0
            }
            None => true,
        };
        if deserted && let Some(call) = self.flight.call.lock().take() {
            call.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Words;
    impl Cargo for Words {
        type Head = &'static str;
        type Item = u32;
        type End = &'static str;

        fn weight(item: &u32) -> usize {
            *item as usize
        }
    }

    const KEY: Key = [7; 32];

    fn lead(flights: &Flights<Words>) -> (Pilot<Words>, Rider<Words>) {
        match flights.board(KEY, 60) {
            Boarding::Lead(pilot, rider, ()) => (pilot, rider),
            Boarding::Follow(_) => panic!("somebody leads already"),
        }
    }

    fn follow(flights: &Flights<Words>) -> Rider<Words> {
        follow_keeping(flights, 60)
    }

    fn follow_keeping(flights: &Flights<Words>, keep_ms: u64) -> Rider<Words> {
        match flights.board(KEY, keep_ms) {
            Boarding::Follow(rider) => rider,
            Boarding::Lead(..) => panic!("nobody leads"),
        }
    }

    async fn all(mut rider: Rider<Words>) -> (Vec<u32>, Option<&'static str>) {
        let mut items = Vec::new();
        loop {
            match rider.next().await {
                Heard::Item(item) => items.push(item),
                Heard::End(end) => return (items, end),
            }
        }
    }

    #[tokio::test]
    async fn all_riders_hear_all_of_it_whenever_they_board() {
        let flights = Flights::default();
        let (pilot, leader) = lead(&flights);
        let mut early = follow(&flights);
        pilot.head("h");
        pilot.push(1).unwrap();
        let late = follow(&flights);
        let reading = tokio::spawn(all(late));
        pilot.push(2).unwrap();
        assert_eq!(early.head().await, Ok("h"));
        pilot.land("done");
        for rider in [leader, early] {
            assert_eq!(all(rider).await, (vec![1, 2], Some("done")));
        }
        assert_eq!(reading.await.unwrap(), (vec![1, 2], Some("done")));
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn a_leader_may_leave_and_the_call_goes_on() {
        let flights = Flights::default();
        let (pilot, leader) = lead(&flights);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let call = tokio::spawn(async move {
            let _held = stop;
            std::future::pending::<()>().await;
        });
        leader.cancels(call.abort_handle());
        let follower = follow(&flights);
        drop(leader);
        assert!(!call.is_finished());
        pilot.push(1).unwrap();
        drop(follower);
        assert!(stopped.await.is_err(), "the call is given up with the last");
        drop(pilot);
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn it_is_remembered_for_no_longer_than_each_of_its_riders_allows() {
        let flights = Flights::default();
        let (pilot, _leader) = lead(&flights);
        let _longer = follow_keeping(&flights, 90);
        assert_eq!(pilot.keep_ms(), 60);
        // Who has left has got a part of it all the same.
        drop(follow_keeping(&flights, 5));
        assert_eq!(pilot.keep_ms(), 5);
        let _never = follow_keeping(&flights, 0);
        assert_eq!(pilot.keep_ms(), 0);
        assert_eq!(Flights::<Words>::alone(7).0.keep_ms(), 7);
    }

    #[tokio::test]
    async fn whoever_may_not_lead_opens_no_flight_and_may_follow() {
        let flights = Flights::<Words>::default();
        let refused = || Err::<(), _>("no");
        assert_eq!(flights.board_if(KEY, 60, refused).err(), Some("no"));
        assert!(flights.is_empty());
        let _open = lead(&flights);
        let boarding = flights.board_if(KEY, 60, refused);
        assert!(matches!(boarding, Ok(Boarding::Follow(_))));
    }

    #[tokio::test]
    async fn a_lost_call_ends_its_riders() {
        let flights = Flights::<Words>::default();
        let (pilot, mut rider) = lead(&flights);
        drop(pilot);
        assert_eq!(rider.head().await, Err(None));
        assert_eq!(rider.next().await, Heard::End(None));
        drop(lead(&flights));
    }

    #[tokio::test]
    async fn a_flight_takes_no_more_than_it_may_hold_and_still_ends() {
        let flights = Flights::default();
        let (pilot, leader) = lead(&flights);
        let half = u32::try_from(MAX_HELD / 2).unwrap();
        for _ in 0..2 {
            pilot.push(half).unwrap();
        }
        assert_eq!(pilot.push(1), Err(Full));
        pilot.land("too large");
        assert_eq!(all(leader).await, (vec![half; 2], Some("too large")));
    }
}
