//! Evaluates the CEL rules (`x-kubernetes-validations`) of a structural schema.
//!
//! In: the schema, then an object with defaults applied, for an update the old object too. Out: a violation for every
//! rule that is false, and for every rule that cannot be evaluated. Functions are Kubernetes', from `kube-cel`; the walk
//! is the API server's: a transition rule runs where an old value can be told, in a list only where the schema says by
//! which keys, and no rule runs on null. Cost limits are not watched.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use kube_cel::KubeCelExt;
use kube_cel::cel::extractors::This;
use kube_cel::cel::objects::OptionalValue;
use kube_cel::cel::{Context, ExecutionError, Program, Value as Cel};
use serde::Deserialize;
use serde_json::Value;

use function_database::schema::lists::{LIST_KEYS, LIST_TYPE, identity, names};
use function_database::schema::pattern::Patterns;
use function_database::schema::{Violation, path};

use super::value::convert;

pub struct Rules {
    /// Has only the branches which lead to a rule.
    tree: Node,
    /// The functions that rules call.
    functions: Context<'static>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.fmt(out)
    }
}

#[derive(Debug, Default)]
struct Node {
    rules: Vec<Rule>,
    properties: Vec<(String, Node)>,
    /// Rules of every other field (`additionalProperties`).
    others: Option<Box<Node>>,
    items: Option<Box<Node>>,
    /// `allOf`: more rules for the same value.
    all: Vec<Node>,
}

#[derive(Debug)]
struct Rule {
    definition: Definition,
    /// Whether it compares with the old value. Read off the text, because it holds for a rule that does not compile too.
    is_transition: bool,
    /// The rule and its message, or why one of them cannot be compiled.
    programs: Result<(Program, Option<Program>), String>,
}

/// A rule as it stands in the schema.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    rule: String,
    message: Option<String>,
    message_expression: Option<String>,
    field_path: Option<String>,
    #[serde(default)]
    optional_old_self: bool,
}

impl Rules {
    pub fn build(schema: &Value) -> Rules {
        Rules { tree: Node::build(schema), functions: functions() }
    }

    pub fn uncompiled(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.tree.uncompiled("", &mut found);
        found
    }

    /// `broken` are the structural violations of `object`.
    pub fn check(&self, schema: &Value, object: &Value, old: Option<&Value>, broken: &[Violation]) -> Vec<Violation> {
        if self.tree.is_empty() {
            return Vec::new();
        }
        let context = &self.functions;
        let mut walk = Walk { context, broken, found: Vec::new() };
        walk.node(&self.tree, schema, object, old, "");
        walk.found
    }
}

/// Kubernetes' own, but for one: CEL's `matches` compiles its pattern at each call.
fn functions() -> Context<'static> {
    let mut context = Context::default().with_all();
    let patterns: Mutex<Patterns> = Mutex::default();
    context.add_function("matches", move |This(text): This<Arc<String>>, pattern: Arc<String>| {
        let compiled = patterns.lock().unwrap_or_else(PoisonError::into_inner).compile(&pattern);
        let failed = |error| ExecutionError::function_error("matches", format!("{pattern:?}: {error}"));
        compiled.map(|compiled| compiled.is_match(&text)).map_err(failed)
    });
    context
}

impl Node {
    fn build(schema: &Value) -> Node {
        let branch = |name: &str| {
            let node = schema.get(name).map(Node::build).filter(|node| !node.is_empty());
            node.map(Box::new)
        };
        let list = |name: &str| schema.get(name).and_then(Value::as_array).into_iter().flatten();
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        Node {
            rules: list("x-kubernetes-validations").map(Rule::build).collect(),
            properties: properties
                .map(|(name, schema)| (name.clone(), Node::build(schema)))
                .filter(|(_, node)| !node.is_empty())
                .collect(),
            others: branch("additionalProperties"),
            items: branch("items"),
            all: list("allOf").map(Node::build).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.rules.is_empty()
            && self.properties.is_empty()
            && self.others.is_none()
            && self.items.is_none()
            && self.all.iter().all(Node::is_empty)
    }

    fn uncompiled(&self, at: &str, found: &mut Vec<Violation>) {
        let failures = self.rules.iter().filter_map(|rule| rule.programs.as_ref().err());
        found.extend(failures.map(|message| Violation { path: at.into(), message: message.clone() }));
        for (name, node) in &self.properties {
            node.uncompiled(&path::key(at, name), found);
        }
        for node in [&self.others, &self.items].into_iter().flatten() {
            node.uncompiled(&path::index(at, "*"), found);
        }
        for node in &self.all {
            node.uncompiled(at, found);
        }
    }
}

impl Rule {
    fn build(source: &Value) -> Rule {
        let definition = Definition::deserialize(source);
        let fallback = |error: serde_json::Error| Rule {
            programs: Err(format!("{source} is no rule: {error}")),
            is_transition: false,
            definition: Definition {
                rule: source.to_string(),
                message: None,
                message_expression: None,
                field_path: None,
                optional_old_self: false,
            },
        };
        definition.map_or_else(fallback, |definition| Rule {
            programs: definition.compile(),
            is_transition: definition.rule.contains("oldSelf"),
            definition,
        })
    }
}

impl Definition {
    fn compile(&self) -> Result<(Program, Option<Program>), String> {
        let compile = |text: &str| {
            let reason = |error| format!("the rule {text:?} cannot be compiled here: {error}");
            Program::compile(text).map_err(reason)
        };
        let message = self.message_expression.as_deref().map(compile).transpose()?;
        Ok((compile(&self.rule)?, message))
    }
}

struct Walk<'a> {
    context: &'a Context<'a>,
    broken: &'a [Violation],
    found: Vec<Violation>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, schema: &Value, value: &Value, old: Option<&Value>, at: &str) {
        if value.is_null() {
            return;
        }
        let old = old.filter(|old| !old.is_null());
        self.rules(&node.rules, schema, value, old, at);
        let none = Value::Null;
        let inner = |name: &str| schema.get(name).unwrap_or(&none);
        for (branch, schema) in node.all.iter().zip(inner("allOf").as_array().into_iter().flatten()) {
            self.node(branch, schema, value, old, at);
        }
        match value {
            Value::Object(fields) => {
                let properties = inner("properties");
                for (name, value) in fields {
                    let old = old.and_then(|old| old.get(name));
                    let declared = node.properties.iter().find(|(property, _)| property == name);
                    let (node, schema) = match (declared, &node.others, properties.get(name)) {
                        (Some((_, node)), _, Some(schema)) => (node, schema),
                        (None, Some(node), None) => (node.as_ref(), inner("additionalProperties")),
                        _ => continue,
                    };
                    self.node(node, schema, value, old, &path::key(at, name));
                }
            }
            Value::Array(items) => {
                let Some(node) = &node.items else { return };
                let keys = schema.get(LIST_TYPE).filter(|kind| **kind == "map").map(|_| names(inner(LIST_KEYS)));
                for (position, item) in items.iter().enumerate() {
                    let same = |old: &&Value| keys.as_ref().is_some_and(|k| identity(old, k) == identity(item, k));
                    let old = old.and_then(Value::as_array).and_then(|old| old.iter().find(same));
                    self.node(node, inner("items"), item, old, &path::index(at, position));
                }
            }
            _ => {}
        }
    }

    fn rules(&mut self, rules: &[Rule], schema: &Value, value: &Value, old: Option<&Value>, at: &str) {
        if rules.is_empty() {
            return;
        }
        let old = old.map(|old| convert(Some(schema), old, self.context));
        let mut scope = self.context.new_inner_scope();
        scope.add_variable_from_value("self", convert(Some(schema), value, self.context));
        for rule in rules {
            let mut scope = scope.new_inner_scope();
            match (&old, rule.definition.optional_old_self) {
                (Some(old), false) => scope.add_variable_from_value("oldSelf", old.clone()),
                (old, true) => {
                    let old = old.clone().map_or_else(OptionalValue::none, OptionalValue::of);
                    scope.add_variable_from_value("oldSelf", Cel::Opaque(Arc::new(old)));
                }
                (None, false) => {}
            }
            let has_old = old.is_some() || rule.definition.optional_old_self;
            if let Some(violation) = self.rule(rule, &scope, has_old, at) {
                self.found.push(violation);
            }
        }
    }

    fn rule(&self, rule: &Rule, scope: &Context, has_old: bool, at: &str) -> Option<Violation> {
        let Definition { rule: text, message, field_path, .. } = &rule.definition;
        let at_node = |message: String| Some(Violation { path: at.into(), message });
        if rule.is_transition && !has_old {
            return None;
        }
        let (program, message_program) = match &rule.programs {
            Ok(programs) => programs,
            Err(message) => return at_node(message.clone()),
        };
        match program.execute(scope) {
            Ok(Cel::Bool(true)) => None,
            Ok(Cel::Bool(false)) => {
                let written = message_program.as_ref().and_then(|program| match program.execute(scope) {
                    Ok(Cel::String(text)) => Some(text.to_string()),
                    _ => None,
                });
                let otherwise = || message.clone().unwrap_or_else(|| format!("breaks the rule {text}"));
                let step = field_path.as_deref().unwrap_or_default();
                let path = format!("{at}{step}").trim_start_matches('.').to_owned();
                Some(Violation { path, message: written.unwrap_or_else(otherwise) })
            }
            Ok(_) => at_node(format!("the rule {text:?} is neither true nor false")),
            Err(ExecutionError::UndeclaredReference(name)) => {
                at_node(format!("the rule {text:?} cannot be evaluated here: {name} is not supported"))
            }
            // Its cause is already told: the value that the rule trips over.
            Err(_) if self.broken.iter().any(|violation| path::is_within(&violation.path, at)) => None,
            Err(error) => at_node(format!("the rule {text:?} cannot be evaluated: {error}")),
        }
    }
}
