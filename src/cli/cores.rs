//! Work that is spread over the machine's cores. In: items, and what to do with one. Out: what came of each, in the order
//! of the items. Must not change what a single core would find.

use function_database::map::sort;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// So few items are done before another thread has begun; and a core takes so many at a time, for none to wait long at the
/// end for one that had the harder ones, or less of the machine.
const FEW: usize = 32;

pub fn on_every_core<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(items.len().div_ceil(FEW));
    if cores <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = vec![];
        loop {
            let from = next.fetch_add(FEW, Ordering::Relaxed);
            let Some(share) = items.get(from..items.len().min(from + FEW)).filter(|share| !share.is_empty()) else {
                return done;
            };
            done.push((from, share.iter().map(&work).collect::<Vec<R>>()));
        }
    };
    let mut shares: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(take)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    sort(&mut shares, |(one, _), (other, _)| one.cmp(other));
    shares.into_iter().flat_map(|(_, share)| share).collect()
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
