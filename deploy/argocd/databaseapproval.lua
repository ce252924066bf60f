-- The health of a DatabaseApproval (db.platform.io) in ArgoCD. It has no status: as soon as it is there it counts, and the
-- database says whether it was enough.
if obj.spec == nil or obj.spec.decision == nil then
  return {status = "Degraded", message = "it decides nothing"}
end
return {status = "Healthy", message = obj.spec.decision .. " by " .. (obj.spec.approver or "nobody")}
