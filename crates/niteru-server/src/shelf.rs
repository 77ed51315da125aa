//! Things that take long to make, by keys: each is made once, and only who asks for the same one waits for it.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

/// The things that were asked for last, and those that are being made.
pub(crate) struct Shelf<K, V> {
    /// Most things that are kept.
    most: usize,
    /// The one that was asked for last comes first. Locked for moments only: a thing is made without it.
    slots: Mutex<Vec<(K, Arc<Slot<V>>)>>,
}

/// The place of one thing.
struct Slot<V> {
    thing: OnceLock<Arc<V>>,
    /// Held while it is made.
    making: Mutex<()>,
}

impl<V> Default for Slot<V> {
    fn default() -> Slot<V> {
        Slot {
            thing: OnceLock::new(),
            making: Mutex::default(),
        }
    }
}

impl<K: Clone + PartialEq, V> Shelf<K, V> {
    pub(crate) fn new(most: usize) -> Shelf<K, V> {
        Shelf {
            most,
            slots: Mutex::default(),
        }
    }

    /// What a key stands for, if it is there. It is asked for last then.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut slots = self.slots.lock();
        let at = slots.iter().position(|(known, _)| known == key)?;
        let thing = slots[at].1.thing.get().cloned()?;
        slots[..=at].rotate_right(1);
        Some(thing)
    }

    /// Whether a key stands for something that is there or being made.
    pub(crate) fn has(&self, key: &K) -> bool {
        let slots = self.slots.lock();
        slots.iter().any(|(known, _)| known == key)
    }

    /// What a key stands for; made if it is not there. Whoever else asks for it meanwhile waits for that. That it could
    /// not be made is not kept: who comes next, or has waited, tries again.
    pub(crate) fn get_or_make<E>(
        &self,
        key: &K,
        make: impl FnOnce() -> Result<Arc<V>, E>,
    ) -> Result<Arc<V>, E> {
        let slot = self.slot(key);
        let made = {
            let _making = slot.making.lock();
            if let Some(thing) = slot.thing.get() {
                return Ok(Arc::clone(thing));
            }
            let made = make()?;
            Arc::clone(slot.thing.get_or_init(|| made))
        };
        self.forget_oldest();
        Ok(made)
    }

    /// Keeps what was made elsewhere, unless there is one of the key already, or `still` does not hold any more.
    pub(crate) fn keep(&self, key: &K, thing: &Arc<V>, still: impl FnOnce() -> bool) {
        let mut slots = self.slots.lock();
        if still() {
            let slot = first(&mut slots, key);
            let _ = slot.thing.set(Arc::clone(thing));
        }
        drop(slots);
        self.forget_oldest();
    }

    /// Lets go of what does not fit. A thing that is being made is not known yet: it is judged by its key alone, and where
    /// it is let go of, who waits for it gets it, and nobody after that.
    pub(crate) fn retain(&self, fits: impl Fn(&K, Option<&V>) -> bool) {
        let mut gone = self.slots.lock();
        let (kept, rest) = gone
            .drain(..)
            .partition(|(key, slot)| fits(key, slot.thing.get().map(|thing| &**thing)));
        *gone = kept;
        drop(gone);
        // What goes may take a while; nobody waits for that.
        drop::<Vec<_>>(rest);
    }

    fn slot(&self, key: &K) -> Arc<Slot<V>> {
        first(&mut self.slots.lock(), key)
    }

    fn forget_oldest(&self) {
        let mut slots = self.slots.lock();
        let mut there = 0;
        let (kept, gone) = slots.drain(..).partition(|(_, slot)| {
            there += usize::from(slot.thing.get().is_some());
            slot.thing.get().is_none() || there <= self.most
        });
        *slots = kept;
        drop(slots);
        drop::<Vec<_>>(gone);
    }
}

/// Shelves of things: the newest ones are in use, and others are only looked back at, which takes no place of those.
pub(crate) struct Shelves<K, V> {
    newest: Shelf<K, V>,
    old: Shelf<K, V>,
}

impl<K: Clone + PartialEq, V> Shelves<K, V> {
    /// Keeps so many of the newest ones, and so many others.
    pub(crate) fn new(newest: usize, old: usize) -> Shelves<K, V> {
        Shelves {
            newest: Shelf::new(newest),
            old: Shelf::new(old),
        }
    }

    /// As [`Shelf::get`]; `newest`: it was asked for as the newest one.
    pub(crate) fn get(&self, key: &K, newest: bool) -> Option<Arc<V>> {
        self.shelf(key, newest).get(key)
    }

    /// As [`Shelf::get_or_make`].
    pub(crate) fn get_or_make<E>(
        &self,
        key: &K,
        newest: bool,
        make: impl FnOnce() -> Result<Arc<V>, E>,
    ) -> Result<Arc<V>, E> {
        // One that was looked back at may be in use again.
        let make = || self.old.get(key).map_or_else(make, Ok);
        self.shelf(key, newest).get_or_make(key, make)
    }

    /// As [`Shelf::retain`], of the newest ones.
    pub(crate) fn retain_newest(&self, fits: impl Fn(&K, Option<&V>) -> bool) {
        self.newest.retain(fits);
    }

    /// As [`Shelf::retain`], of all.
    pub(crate) fn retain(&self, fits: impl Fn(&K, Option<&V>) -> bool) {
        self.newest.retain(&fits);
        self.old.retain(&fits);
    }

    fn shelf(&self, key: &K, newest: bool) -> &Shelf<K, V> {
        match newest || self.newest.has(key) {
            true => &self.newest,
            false => &self.old,
        }
    }
}

/// The place of a key, which is the first then.
fn first<K: Clone + PartialEq, V>(slots: &mut Vec<(K, Arc<Slot<V>>)>, key: &K) -> Arc<Slot<V>> {
    match slots.iter().position(|(known, _)| known == key) {
        Some(at) => slots[..=at].rotate_right(1),
        None => {
            // Places of what could not be made, and that nobody waits for.
            slots.retain(|(_, slot)| slot.thing.get().is_some() || Arc::strong_count(slot) > 1);
            slots.insert(0, (key.clone(), Arc::default()));
        }
    }
    Arc::clone(&slots[0].1)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn make(shelf: &Shelf<u32, u32>, key: u32) -> u32 {
        let made: Result<_, ()> = shelf.get_or_make(&key, || Ok(Arc::new(10 * key)));
        *made.unwrap()
    }

    #[test]
    fn others_do_not_wait_for_what_is_being_made() {
        let shelf = Shelf::new(2);
        let (release, wait) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let tries = AtomicUsize::new(0);
        thread::scope(|scope| {
            let (shelf, tries) = (&shelf, &tries);
            let first = scope.spawn(move || {
                let made: Result<Arc<u32>, ()> = shelf.get_or_make(&1, || {
                    tries.fetch_add(1, Ordering::Relaxed);
                    begun.send(()).unwrap();
                    wait.recv().unwrap();
                    Ok(Arc::new(7))
                });
                *made.unwrap()
            });
            begins.recv_timeout(Duration::from_secs(10)).unwrap();
            let second = scope.spawn(move || *shelf.get_or_make(&1, || Err(())).unwrap());
            // On this thread: it would wait for ever.
            assert_eq!(make(shelf, 2), 20);
            assert_eq!(shelf.get(&2).as_deref(), Some(&20));
            assert_eq!(shelf.get(&1), None);
            assert!(shelf.has(&1));
            release.send(()).unwrap();
            assert_eq!(first.join().unwrap(), 7);
            assert_eq!(second.join().unwrap(), 7, "made once");
        });
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_could_not_be_made_is_tried_again_and_takes_no_place() {
        let shelf = Shelf::new(1);
        make(&shelf, 1);
        for _ in 0..3 {
            assert_eq!(shelf.get_or_make(&2, || Err("no")), Err("no"));
        }
        assert_eq!(shelf.get(&1).as_deref(), Some(&10), "it is still there");
        assert_eq!(make(&shelf, 2), 20);
        assert_eq!(shelf.get(&1), None);
        // One that panicked holds nobody up.
        let panics = thread::scope(|scope| {
            let made =
                scope.spawn(|| shelf.get_or_make(&3, || -> Result<_, ()> { panic!("on purpose") }));
            made.join().is_err()
        });
        assert!(panics);
        assert_eq!(make(&shelf, 3), 30);
        assert_eq!(shelf.slots.lock().len(), 1);
    }

    #[test]
    fn those_asked_for_last_stay() {
        let shelf = Shelf::new(2);
        make(&shelf, 1);
        make(&shelf, 2);
        assert!(shelf.get(&1).is_some());
        make(&shelf, 3);
        let there = [1, 2, 3].map(|key| shelf.get(&key).is_some());
        assert_eq!(there, [true, false, true]);
        shelf.retain(|_, thing| thing != Some(&30));
        assert!(!shelf.has(&3) && shelf.has(&1));
        shelf.keep(&4, &Arc::new(4), || false);
        assert!(!shelf.has(&4));
        shelf.keep(&4, &Arc::new(4), || true);
        assert_eq!(shelf.get(&4).as_deref(), Some(&4));
    }

    #[test]
    fn looking_back_takes_no_place_of_what_is_in_use() {
        let shelves = Shelves::new(2, 1);
        let ask = |key: u32, newest: bool| {
            let made: Result<_, ()> = shelves.get_or_make(&key, newest, || Ok(Arc::new(key)));
            assert_eq!(*made.unwrap(), key);
        };
        ask(1, true);
        ask(2, true);
        for old in 10..20 {
            ask(old, false);
        }
        let there = |key: u32| shelves.get(&key, false).is_some();
        assert_eq!([1, 2, 18, 19].map(there), [true, true, false, true]);
        // One in use is looked back at where it is.
        ask(1, false);
        assert!(there(19));
        // What was looked back at is in use, and made once.
        let again: Result<_, ()> = shelves.get_or_make(&19, true, || Err(()));
        assert_eq!(*again.unwrap(), 19);
        assert_eq!([1, 2, 19].map(there), [true, false, true]);
        shelves.retain_newest(|key, _| *key != 1);
        shelves.retain(|key, _| *key != 19);
        assert_eq!([1, 19].map(there), [false, false]);
    }

    #[test]
    fn what_is_forgotten_while_it_is_made_is_not_kept() {
        let shelf = Shelf::new(2);
        let made: Result<_, ()> = shelf.get_or_make(&1, || {
            shelf.retain(|key, _| *key != 1);
            Ok(Arc::new(1))
        });
        assert_eq!(*made.unwrap(), 1);
        assert_eq!(shelf.get(&1), None);
    }
}
