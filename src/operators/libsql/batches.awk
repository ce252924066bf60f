# Of a dump by libsql-server, requests of about a megabyte, each sent by the script /tmp/send. All of them are one
# transaction, which the dump itself begins and commits. A row is one line; tables with their rows come first, so that no
# statement goes on between two rows. From the first index, view or trigger on, whose statements have many lines, all is one.
BEGIN {
  for (code = 1; code < 32; code++) escape[sprintf("%c", code)] = sprintf("\\u%04x", code)
  file = "/tmp/request"
  start()
}
$0 == "PRAGMA writable_schema=ON;" || $0 == "PRAGMA writable_schema=OFF;" { next }
/^CREATE (INDEX|UNIQUE INDEX|TRIGGER|VIEW) / { rest = 1 }
!rest && /^INSERT INTO sqlite_schema\(/ {
  # Clients may not write there, and whoever makes such a table makes what lies behind it, too.
  virtual = 1
  row = 0
  line = $0
  while (line !~ /(['][)]|char[(]1[03][)][)][)]);$/ && (getline more) > 0) line = line "\n" more
  add(definition(line))
  next
}
!rest && /^INSERT INTO / {
  if (virtual) sub(/^INSERT INTO /, "INSERT OR REPLACE INTO ")
  if (row && size > 1000000) { send(0); start() }
  add($0)
  row = /\);$/
  next
}
{ row = 0; add($0) }
END { if (!failed) send(1) }

function start() {
  baton = "null"
  getline baton < "/tmp/baton"
  close("/tmp/baton")
  printf "{\"baton\":%s,\"requests\":[{\"type\":\"sequence\",\"sql\":\"", baton > file
  size = 0
}
function add(line) {
  line = join(join(line, "\\", "\\\\"), "\"", "\\\"")
  if (line ~ /[\001-\037]/) line = visible(line)
  printf "%s\\n", line > file
  size += length(line)
}
function send(last) {
  printf "\"}%s]}", last ? ",{\"type\":\"close\"}" : "" > file
  close(file)
  if (system("sh -eu /tmp/send") != 0) { failed = 1; exit 1 }
}
function join(line, what, other,    found, joined) {
  while (found = index(line, what)) {
    joined = joined substr(line, 1, found - 1) other
    line = substr(line, found + length(what))
  }
  return joined line
}
function visible(line,    at, letter, shown) {
  for (at = 1; at <= length(line); at++) {
    letter = substr(line, at, 1)
    shown = shown ((letter in escape) ? escape[letter] : letter)
  }
  return shown
}
# `CREATE VIRTUAL TABLE ...` out of what would be written into the schema: as a text of SQL, or as it is between two
# quotes (libsql-server 0.24.32).
function definition(sql,    count, mark, with) {
  sql = substr(sql, index(sql, ",0,") + 3)
  sub(/\);$/, "", sql)
  while (sql ~ /^replace\(/) {
    match(sql, /,'[^']*',char\(1[03]\)\)$/)
    count++
    mark[count] = substr(sql, RSTART + 2, RLENGTH - 13)
    with[count] = sprintf("%c", substr(sql, RSTART + RLENGTH - 4, 2) + 0)
    sql = substr(sql, 9, RSTART - 9)
  }
  sql = substr(sql, 2, length(sql) - 2)
  if (!index(join(sql, "''", ""), "'")) sql = join(sql, "''", "'")
  for (; count > 0; count--) sql = join(sql, mark[count], with[count])
  return sql ";"
}
