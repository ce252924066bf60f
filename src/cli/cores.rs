//! Work that is spread over the machine's cores. In: items, and what to do with one. Out: what came of each, in the order
//! of the items. Must not change what a single core would find.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

/// So few items are done before another thread has begun.
const FEW: usize = 32;

pub fn on_every_core<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(cores).max(FEW);
    if items.len() <= share {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let each = |items: &'_ [T]| items.iter().map(work).collect::<Vec<R>>();
        let threads: Vec<_> = items.chunks(share).map(|items| scope.spawn(move || each(items))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for number in [0, 1, FEW, 10 * FEW + 1] {
            let items: Vec<usize> = (0..number).collect();
            assert_eq!(on_every_core(&items, |item| item + 1), (1..=number).collect::<Vec<_>>());
        }
    }
}
