//! What a control plane was kept busy with. In: what Crossplane does. Out: sums. Must not decide anything.

/// Since a world began, or between two moments of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub reconciles: u64,
    /// Of the function, by step in the Composition's order.
    pub calls: Vec<u64>,
    /// Requests of Crossplane that write: the references of a composite, each composed resource whether it differs or not,
    /// the function's status, the conditions where they differ, and deletions.
    pub writes: u64,
    /// Changes of objects that Crossplane watches for a composite; each takes a token of its circuit breaker.
    pub events: u64,
}

impl Counts {
    pub fn call(&mut self, calls: &[u64]) {
        self.calls.resize(self.calls.len().max(calls.len()), 0);
        self.calls.iter_mut().zip(calls).for_each(|(sum, calls)| *sum += calls);
    }

    /// The same so many times over.
    pub fn add(&mut self, other: &Counts, times: u64) {
        let calls: Vec<u64> = other.calls.iter().map(|calls| calls * times).collect();
        self.call(&calls);
        self.reconciles += other.reconciles * times;
        self.writes += other.writes * times;
        self.events += other.events * times;
    }

    /// What came since an earlier moment.
    pub fn since(&self, before: &Counts) -> Counts {
        let earlier = |step: usize| before.calls.get(step).copied().unwrap_or_default();
        Counts {
            reconciles: self.reconciles - before.reconciles,
            calls: self.calls.iter().enumerate().map(|(step, calls)| calls - earlier(step)).collect(),
            writes: self.writes - before.writes,
            events: self.events - before.events,
        }
    }

    /// Calls of all steps.
    pub fn all_calls(&self) -> u64 {
        self.calls.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_differences_go_step_by_step() {
        let one = Counts { reconciles: 1, calls: vec![2, 1], writes: 9, events: 3 };
        let mut sum = Counts::default();
        sum.add(&one, 3);
        assert_eq!(sum, Counts { reconciles: 3, calls: vec![6, 3], writes: 27, events: 9 });
        assert_eq!(sum.since(&one), Counts { reconciles: 2, calls: vec![4, 2], writes: 18, events: 6 });
        assert_eq!(sum.since(&Counts::default()).all_calls(), 9);
    }
}
