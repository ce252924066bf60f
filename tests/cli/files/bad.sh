# A folder with one good claim among files that nobody can read. Sourced by transcripts.
root=$(pwd)
database=$root/compositions/database.yaml
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp examples/postgresql/dev.yaml "$folder/good.yaml"
cd "$folder" || exit
printf '\177ELF\001\000\000\000' > binary.yaml
printf 'name: gr\374n\n' > latin1.yaml
printf '\377\376n\000a\000' > utf16.yaml
printf 'a: &a [*a]\n' > cycle.yaml
printf 'a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e]\ng: [*f, *f, *f, *f, *f, *f, *f, *f]\n' > bomb.yaml
truncate -s 17M huge.yaml
ln -s nowhere.yaml link.yaml
printf 'a: [1, 2\n' > broken.yaml
