//! Kubernetes' own controllers (Kubernetes, "StatefulSets", "Deployments", "Jobs", "CronJob"). In: workloads that operators
//! or we made. Out: pods as far as counts tell of them, volumes, jobs of schedules, statuses. One pod at a time.
//!
//! A pod whose secrets are not all there does not start. Not played: nodes, probes, Services.

use super::Turn;
use super::objects::{all_beside, bytes, in_order, is_owned_by, name, owned, volumes_of};
use crate::render::object;
use crate::simulate::store::{Id, set_condition, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

pub fn stateful_set(turn: &mut Turn, id: &Id) {
    let set = turn.get(id);
    let mut pods = Pods::of(&set);
    let starts = secrets_are_there(turn, &set);
    let before = pods.pods;
    pods.step(turn.outage.members, starts);
    volumes(turn, &set, before.max(pods.pods));
    let is_rolled_out = pods.updated == pods.pods;
    let last = text(&set["status"]["currentRevision"]);
    // Where the operator deletes pods itself, Kubernetes never calls a newer revision the current one.
    let keeps = !last.is_empty() && (set["spec"]["updateStrategy"]["type"] == "OnDelete" || !is_rolled_out);
    let current = if keeps { last } else { pods.revision.as_str() };
    let mut status = pods.status(&set);
    status["currentRevision"] = current.into();
    turn.set_status(id, status);
}

pub fn deployment(turn: &mut Turn, id: &Id) {
    let deployment = turn.get(id);
    let mut pods = Pods::of(&deployment);
    let starts = secrets_are_there(turn, &deployment);
    pods.step(false, starts);
    // A real one knows its revisions by its ReplicaSets.
    turn.set_status(id, pods.status(&deployment));
}

/// The pods of a workload.
struct Pods {
    wanted: u64,
    pods: u64,
    ready: u64,
    /// Those of the newest template.
    updated: u64,
    revision: String,
}

impl Pods {
    /// What the workload's status says of them.
    fn status(&self, workload: &Value) -> Value {
        json!({
            "observedGeneration": workload["metadata"]["generation"],
            "replicas": self.pods,
            "readyReplicas": self.ready,
            "availableReplicas": self.ready,
            "updatedReplicas": self.updated,
            "updateRevision": self.revision,
        })
    }

    fn of(workload: &Value) -> Pods {
        let (spec, status) = (&workload["spec"], &workload["status"]);
        let count = |field: &str| status[field].as_u64().unwrap_or(0);
        let mut hasher = DefaultHasher::new();
        spec["template"].to_string().hash(&mut hasher);
        let revision = format!("{}-{:08x}", name(workload), hasher.finish() as u32);
        let same = status["updateRevision"] == revision.as_str();
        Pods {
            wanted: spec["replicas"].as_u64().unwrap_or(1),
            pods: count("replicas"),
            ready: count("readyReplicas"),
            updated: if same { count("updatedReplicas") } else { 0 },
            revision,
        }
    }

    /// `outage`: one is down, and none gets ready.
    fn step(&mut self, outage: bool, starts: bool) {
        if self.pods > self.wanted {
            self.pods = self.wanted;
            self.ready = self.ready.min(self.pods);
            self.updated = self.updated.min(self.pods);
        } else if outage && self.pods > 0 {
            self.ready = self.ready.min(self.pods - 1);
        } else if self.ready < self.pods {
            self.ready += u64::from(starts);
        } else if self.updated < self.pods {
            self.ready -= 1;
            self.updated += 1;
        } else if self.pods < self.wanted {
            self.pods += 1;
            self.updated += 1;
        }
    }
}

/// Those of the first `pods` pods are there; all belong to the set where it says so.
fn volumes(turn: &mut Turn, set: &Value, pods: u64) {
    let spec = &set["spec"];
    let goes = spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete";
    let owners = owned(set, "", "", "")["metadata"]["ownerReferences"].clone();
    for template in spec["volumeClaimTemplates"].as_array().into_iter().flatten() {
        for number in 0..pods {
            let volume = format!("{}-{}-{number}", name(template), name(set));
            let namespace = text(&set["metadata"]["namespace"]);
            if turn.store.get(&Id::new("v1", "PersistentVolumeClaim", namespace, &volume)).is_some() {
                continue;
            }
            let mut labels = spec["selector"]["matchLabels"].clone();
            let own = template["metadata"]["labels"].as_object().cloned().unwrap_or_default();
            object(&mut labels).extend(own);
            turn.store.put(
                json!({
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "metadata": {"name": volume, "namespace": namespace, "labels": labels},
                    "spec": template["spec"],
                }),
                turn.now,
            );
        }
    }
    for volume in volumes_of(turn.store, set) {
        // One that somebody else made stays theirs.
        let owned_by = turn.get(&volume)["metadata"]["ownerReferences"].clone();
        if owned_by.as_array().into_iter().flatten().any(|owner| owner["uid"] != set["metadata"]["uid"]) {
            continue;
        }
        turn.store.edit(&volume, |volume| {
            let metadata = object(&mut volume["metadata"]);
            match goes {
                true => metadata.insert("ownerReferences".into(), owners.clone()),
                false => metadata.remove("ownerReferences"),
            };
        });
    }
}

/// Bound at once, and enlarged as it is asked for; never made smaller.
pub fn volume(turn: &mut Turn, id: &Id) {
    let volume = turn.get(id);
    let size = &volume["spec"]["resources"]["requests"]["storage"];
    let has = bytes(text(&volume["status"]["capacity"]["storage"]));
    if has < bytes(text(size)) {
        turn.set_status(id, json!({"phase": "Bound", "capacity": {"storage": size}}));
    }
}

/// It runs for one step. What its labels call a backup fails while backups do.
pub fn job(turn: &mut Turn, id: &Id) {
    let job = turn.get(id);
    let now = turn.now.to_string();
    let mut status = job["status"].clone();
    if is_ended(&job) || !secrets_are_there(turn, &job) {
        return;
    }
    if status["startTime"].is_null() {
        turn.set_status(id, json!({"startTime": now, "active": 1}));
        return;
    }
    object(&mut status).remove("active");
    if turn.outage.backups && is_backup(&job) {
        object(&mut status).insert("failed".into(), 1.into());
        let message = "Job has reached the specified backoff limit";
        let failed = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": message});
        set_condition(&mut status, failed, turn.now);
    } else {
        object(&mut status).extend([("succeeded".into(), 1.into()), ("completionTime".into(), now.into())]);
        let complete = json!({"type": "Complete", "status": "True", "reason": "CompletionsReached", "message": ""});
        set_condition(&mut status, complete, turn.now);
    }
    turn.set_status(id, status);
}

pub fn is_ended(job: &Value) -> bool {
    has(job, "Complete") || has(job, "Failed")
}

pub fn has(job: &Value, condition: &str) -> bool {
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|it| it["type"] == condition && it["status"] == "True")
}

fn is_backup(job: &Value) -> bool {
    let labels = job["spec"]["template"]["metadata"]["labels"].as_object().into_iter().flatten();
    labels.into_iter().any(|(label, value)| label.contains("backup") || text(value).contains("backup"))
}

/// Never two at a time, as everybody here asks for.
pub fn cron_job(turn: &mut Turn, id: &Id) {
    let cron_job = turn.get(id);
    let spec = &cron_job["spec"];
    let mut jobs = all_beside(turn, &cron_job, "batch", "Job");
    jobs.retain(|job| is_owned_by(job, &cron_job));
    in_order(&mut jobs);
    let mut status = cron_job["status"].clone();
    let schedule = spec["schedule"].as_str().filter(|_| spec["suspend"] != true);
    if turn.is_due(&cron_job, schedule) && jobs.iter().all(is_ended) {
        let job = format!("{}-{}", id.name, turn.now.as_second() / 60);
        let mut job = owned(&cron_job, "batch/v1", "Job", &job);
        let template = &spec["jobTemplate"];
        object(&mut job["metadata"]).insert("labels".into(), template["metadata"]["labels"].clone());
        object(&mut job).insert("spec".into(), template["spec"].clone());
        turn.store.put(job, turn.now);
        object(&mut status).insert("lastScheduleTime".into(), turn.now.to_string().into());
    }
    let completed = jobs.iter().filter(|job| has(job, "Complete"));
    if let Some(last) = completed.filter_map(|job| job["status"]["completionTime"].as_str()).max() {
        object(&mut status).insert("lastSuccessfulTime".into(), last.into());
    }
    for (condition, limit, usual) in
        [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)]
    {
        let ended: Vec<&Value> = jobs.iter().filter(|job| has(job, condition)).collect();
        let kept = spec[limit].as_u64().unwrap_or(usual);
        let surplus = ended.len().saturating_sub(usize::try_from(kept).unwrap_or(usize::MAX));
        ended.iter().take(surplus).for_each(|job| turn.delete(Id::of(job)));
    }
    if !status.is_null() {
        turn.set_status(id, status);
    }
}

fn secrets_are_there(turn: &Turn, workload: &Value) -> bool {
    let mut names = BTreeSet::new();
    referred(&workload["spec"]["template"]["spec"], &mut names);
    let namespace = text(&workload["metadata"]["namespace"]);
    names.iter().all(|name| turn.store.get(&Id::new("v1", "Secret", namespace, name)).is_some())
}

/// The secrets that a pod's variables and volumes name.
fn referred<'a>(pod: &'a Value, names: &mut BTreeSet<&'a str>) {
    match pod {
        Value::Array(items) => items.iter().for_each(|item| referred(item, names)),
        Value::Object(fields) => {
            for (field, value) in fields {
                match field.as_str() {
                    "secretKeyRef" => names.extend(value["name"].as_str()),
                    "secretName" => names.extend(value.as_str()),
                    _ => referred(value, names),
                }
            }
        }
        _ => {}
    }
}
