# A git repository with one commit, and an edit that is not committed yet. Sourced by transcripts of plan.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
git init -q
claim() {
    cat <<EOF
apiVersion: db.platform.io/v1
kind: Database
metadata: {name: $1, namespace: shop}
spec: {name: $1, environment: $2, size: $3, storage: $4, replicas: $5}
EOF
}
mkdir databases old
claim orders prod medium 100Gi 3 > databases/orders.yaml
claim carts staging small 20Gi 2 > databases/carts.yaml
claim sessions dev small 10Gi 1 > databases/sessions.yaml
claim ledger staging small 50Gi 2 > databases/ledger.yaml
claim reports dev small 10Gi 1 > old/reports.yaml
claim scratch dev small 5Gi 1 > databases/scratch.yaml
git add . && git -c user.name=a -c user.email=a@example.org commit -qm before
claim orders prod large 100Gi 3 > databases/orders.yaml
claim carts staging small 20Gi 4 > databases/carts.yaml
claim logins dev small 10Gi 1 > databases/sessions.yaml
claim ledger staging small 20Gi 9 > databases/ledger.yaml
claim search staging medium 20Gi 2 > databases/search.yaml
git mv -q old/reports.yaml databases/reports.yaml 2> /dev/null || mv old/reports.yaml databases/reports.yaml
rm databases/scratch.yaml
