-- The health of a Database (db.platform.io) in ArgoCD. Without a status of its own it is not there yet: ArgoCD's own rule for
-- Crossplane's kinds calls it healthy then, and a sync wave would go on.
local function result(status, message)
  return {status = status, message = message or ""}
end

local status = obj.status
if status == nil then
  return result("Progressing", "nobody has looked at it yet")
end

-- A composite looked at before its last edit says nothing about that one.
if status.observedGeneration ~= nil and obj.metadata.generation ~= nil
  and status.observedGeneration < obj.metadata.generation then
  return result("Progressing", "the last edit has not been looked at yet")
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local function is(name, value)
  return conditions[name] ~= nil and conditions[name].status == value
end

if is("Validated", "False") then
  return result("Degraded", conditions.Validated.message)
end
if is("Synced", "False") then
  if conditions.Synced.reason == "ReconcilePaused" then
    return result("Suspended", "somebody paused it")
  end
  return result("Degraded", conditions.Synced.message)
end
if is("Approved", "False") then
  return result("Suspended", conditions.Approved.message)
end

if status.phase == nil then
  return result("Progressing", "nobody has looked at it yet")
end

local phases = {
  AwaitingApproval = "Suspended",
  Invalid = "Degraded",
  Provisioning = "Progressing",
  Ready = "Healthy",
  Updating = "Progressing",
  Scaling = "Progressing",
  Upgrading = "Progressing",
  Restoring = "Progressing",
  Hibernated = "Suspended",
  Deleting = "Progressing",
  Degraded = "Degraded",
  Lost = "Degraded",
  Failed = "Degraded",
}
return result(phases[status.phase] or "Unknown", status.message)
