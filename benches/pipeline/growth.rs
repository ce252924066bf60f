//! How cost grows with the number of observed resources.

use crate::request::{World, pipeline};
use crate::server::{Client, Server};
use crate::{cpu, undecoded, verdict};

/// From the record and the data alone, without which a step would do something else, to more than any database has.
const COUNTS: [usize; 9] = [2, 62, 125, 187, 250, 312, 375, 437, 500];
const CALLS: u32 = 60;
/// One more resource may cost so many times in the upper half what it costs in the lower. Where cost grows with the square of
/// their number it is three times.
const STEEPER: f64 = 1.5;

/// Judged is a straight line through each half, by least squares.
pub async fn measure(function: &Server, client: &mut Client) {
    println!("\nCPU of the whole pipeline by the number of observed resources, in microseconds");
    let mut caller = function.caller(None).await;
    let mut requests = vec![];
    for count in COUNTS {
        let steps = pipeline(client, &World::ready(count)).await;
        requests.push(steps.iter().map(|(_, request)| undecoded(request)).collect::<Vec<_>>());
    }
    let mut costs = [f64::MAX; COUNTS.len()];
    for _ in 0..5 {
        for (cost, steps) in costs.iter_mut().zip(&requests) {
            let mut sum = 0.0;
            for request in steps {
                sum += cpu(function, &mut caller, request, CALLS).await;
            }
            *cost = cost.min(sum);
        }
    }
    let points: Vec<_> = COUNTS.iter().map(|count| *count as f64).zip(costs).collect();
    for (count, cost) in &points {
        println!("{count:>4} resources{cost:>8.0}");
    }
    let (lower, upper) = (slope(&points[..5]), slope(&points[4..]));
    let ratio = upper / lower;
    println!(
        "one more costs {lower:.2} below 250 and {upper:.2} above, {ratio:.2} times; at most {STEEPER} {}",
        verdict(ratio <= STEEPER)
    );
}

/// Of the straight line that fits best.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let covariance: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    covariance / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}
