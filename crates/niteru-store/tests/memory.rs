//! What evaluating holds in memory, counted by an allocator of this test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, unsafe_code)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use niteru_store::AddOptions;
use support::{FakeEncoder, Place};

const IMAGES: usize = 2000;
const DIMENSIONS: usize = 1024;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is the system allocator's; counting does not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's layout is passed on as it is.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn evaluating_holds_the_embeddings_once() {
    let mut place = Place::new();
    place.encoder = FakeEncoder {
        dimensions: DIMENSIONS,
        ..FakeEncoder::default()
    };
    let mut csv = String::from("path,kind\n");
    for i in 0..IMAGES {
        place.write(&format!("{i}.jpg"), &format!("FAKE number {i}"));
        csv.push_str(&format!("{i}.jpg,{}\n", i % 10));
    }
    let list = place.pictures().join("list.csv");
    std::fs::write(&list, csv).unwrap();
    let mut options = AddOptions::default();
    options.metadata = Some(&list);
    place
        .home
        .add("things", &[place.pictures()], &place.encoder, options)
        .unwrap();

    let collection = place.home.collection("things").unwrap();
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let report = collection.evaluate_retrieval("kind", None, None).unwrap();
    let used = PEAK.load(Ordering::Relaxed) - before;
    assert_eq!(report.queries, IMAGES);

    let embeddings = IMAGES * DIMENSIONS * size_of::<f32>();
    let threads = std::thread::available_parallelism().unwrap().get();
    let small = 512 << 10;
    let most = embeddings + threads * IMAGES * 136 + small;
    assert!(used <= most, "{used} bytes, at most {most} were promised");
    assert!(used >= embeddings, "{used} bytes: nothing was measured");
}
