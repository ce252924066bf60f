//! Changes JSON as JSON, where changes of bytes would mostly make none of it.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Value, json};

/// Numbers that follow from a seed (xorshift).
pub struct Dice(u32);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % bound.max(1)
    }
}

/// A libFuzzer mutator: `change`, or as libFuzzer itself would.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32, change: impl Fn(&mut Value, &mut Dice)) -> usize {
    let mut dice = Dice(seed | 1);
    let read = serde_json::from_slice::<Value>(&data[..size]);
    if let Ok(mut value) = read
        && dice.below(8) > 0
    {
        for _ in 0..=dice.below(3) {
            change(&mut value, &mut dice);
        }
        let text = value.to_string();
        if text.len() <= max_size {
            data[..text.len()].copy_from_slice(text.as_bytes());
            return text.len();
        }
    }
    fuzzer_mutate(data, size, max_size)
}

/// Puts something else at some place: a value that is special, one from elsewhere, nothing, or the same twice.
pub fn change(value: &mut Value, donor: &Value, dice: &mut Dice) {
    let place = some_place(value, dice);
    let pick = dice.below(6);
    let Some(found) = value.pointer_mut(&place) else { return };
    match (pick, found) {
        (0, Value::Object(entries)) if !entries.is_empty() => {
            let name = entries.keys().nth(dice.below(entries.len())).cloned().unwrap_or_default();
            entries.remove(&name);
        }
        (0, Value::Array(items)) if !items.is_empty() => _ = items.remove(dice.below(items.len())),
        (1, Value::Object(entries)) => _ = entries.insert(some_word(dice).into(), some_value(donor, dice)),
        (1, Value::Array(items)) => items.push(some_value(donor, dice)),
        (2, Value::Array(items)) if !items.is_empty() => items.push(items[dice.below(items.len())].clone()),
        (2, Value::String(text)) => text.push_str(some_word(dice)),
        (_, found) => *found = some_value(donor, dice),
    }
}

/// Pointers to all that is in a value, and one of them.
pub fn some_place(value: &Value, dice: &mut Dice) -> String {
    fn walk(value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::Object(entries) => {
                for (name, value) in entries {
                    walk(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
                }
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, value)| walk(value, format!("{at}/{index}"), found));
            }
            _ => {}
        }
        found.push(at);
    }
    let mut found = vec![];
    walk(value, String::new(), &mut found);
    found.swap_remove(dice.below(found.len()))
}

pub fn some_value(donor: &Value, dice: &mut Dice) -> Value {
    match dice.below(4) {
        0 => donor.pointer(&some_place(donor, dice)).cloned().unwrap_or_default(),
        1 => some_word(dice).into(),
        _ => {
            let special = [
                json!(null), json!(true), json!(false), json!(0), json!(1), json!(-1), json!(0.5), json!(1e300),
                json!(9007199254740992_i64), json!(2147483648_u32), json!({}), json!([]), json!([null]), json!([{}]), json!({"": {}}),
            ];
            special[dice.below(special.len())].clone()
        }
    }
}

fn some_word(dice: &mut Dice) -> &'static str {
    let words = [
        "", "x", "prod", "dev", "True", "False", "Ready", "0", "-1", "1Gi", "10Pi", "1e999", "500m", "1h", "7d", "1000000d",
        "2026-11-21T12:00:00Z", "9999-12-31T23:59:59Z", "0 3 * * *", "Europe/Berlin", "*", "ü", "a/b", "[0]", "kind", "name",
        "orders", "checkout", "cluster", "17", "17.999999999999999999", "{{x}}", "x\n---\ny",
    ];
    words[dice.below(words.len())]
}
