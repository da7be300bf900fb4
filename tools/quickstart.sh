#!/bin/bash
# tools/quickstart.sh: "make quickstart", the main job on a throw-away server.
#
# Called by a user it prepares a directory and starts itself again in it, as an
# unprivileged user, with the directory as argument.

config=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
. "$(dirname "$0")/lib.sh"
PG_CONFIG=$config

prepare()
{
	local status=0

	install_for_server
	make_work
	say "building for $("$PG_CONFIG" --version), in $WORK"
	private_server
	copy_source "$WORK/source"
	cp -r "$TOP/test/data/shop" "$TOP/test/data/shop-mended" "$WORK"
	give_work
	as_test_user "$WORK/source/tools/quickstart.sh" "$WORK" || status=$?
	clean_work
	trap - EXIT
	[ $status = 0 ] || die "ended with status $status"
	say "the server and its directory are gone; nothing was left behind"
}

# Shows what it sends; input is SQL.
show()
{
	echo
	say "$1"
	psql -X -e -q -v ON_ERROR_STOP=1 -v VERBOSITY=default -P pager=off -P null=- -d shop "${@:2}" 2>&1
}

demonstrate()
{
	WORK=$1
	PATH=$("$PG_CONFIG" --bindir):$PATH
	cd "$WORK/source"
	make -s -j2 install > "$WORK/build.log" 2>&1 || { cat "$WORK/build.log"; exit 1; }
	init_cluster "$WORK/data"
	start_cluster "$WORK"
	createdb shop

	show "the extension, and the migrations of a small shop" <<-EOF
		CREATE EXTENSION pg_migrations;
		SELECT * FROM migrate.load_directory('$WORK/shop', project => 'shop');
	EOF
	show "what would an apply do?" <<-'EOF'
		SELECT step, project, name, action, statements, reason FROM migrate.plan();
	EOF
	show "apply: the sixth has a mistake" <<-'EOF' && die "the sixth migration did not fail"
		CALL migrate.apply(reason => 'first release');
	EOF
	show "nothing of the sixth stands, the five before are kept" <<-'EOF'
		SELECT * FROM migrate.show();
		SELECT * FROM order_totals;
	EOF
	show "the sixth is mended, registered again and applied" \
		-v "up=$(cat "$WORK/shop-mended/0006_unique_email.up.sql")" \
		-v "down=$(cat "$WORK/shop-mended/0006_unique_email.down.sql")" <<-'EOF'
		SELECT migrate.register('0006_unique_email', :'up', :'down', project => 'shop');
		CALL migrate.apply(reason => 'first release, duplicates merged');
		SELECT * FROM migrate.show();
	EOF
	show "the record of it" <<-'EOF'
		SELECT id, run_id, name, action, outcome, statements, error_code, reason FROM migrate.history ORDER BY id;
	EOF
	show "and back by two" <<-'EOF'
		CALL migrate.revert(steps => 2, reason => 'only to show it');
		SELECT * FROM migrate.show();
	EOF
	show "from now on every change of the schema is recorded" <<-'EOF'
		CREATE ROLE bob LOGIN SUPERUSER;
		SELECT migrate.watch('to see what is done by hand');
	EOF
	show "bob changes the schema by hand" -U bob <<-'EOF'
		ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'paid';
		CREATE INDEX quick_fix ON order_lines (product_id);
	EOF
	show "what is not as the migrations left it, who did that, and how?" <<-'EOF'
		SELECT change, object_type, identity, changed_by, ddl_ids FROM migrate.drift();
		SELECT id, session_role, statement FROM migrate.out_of_band ORDER BY id;
		\pset format unaligned
		\pset tuples_only on
		SELECT migrate.drift_diff('public.orders');
	EOF
	show "two ways out: the default goes back, the index becomes a migration" -At <<-'EOF'
		SELECT migrate.undo_drift('public.orders', 'not agreed');
		SELECT migrate.adopt('0008_lines_by_product', '{2}', 'good idea', 'shop', down => 'DROP INDEX quick_fix');
		SELECT count(*) FROM migrate.drift();
	EOF
	show "has anybody changed the record?  and what does it say?" <<-'EOF'
		SELECT * FROM migrate.verify_history();
		SELECT event, decision, object, session_role, statement, reason FROM migrate.audit() WHERE object IS NOT NULL;
	EOF
	pg_ctl -s -m fast -D "$WORK/data" stop
	echo
}

if [ $# = 0 ]; then
	prepare
else
	demonstrate "$1"
fi
