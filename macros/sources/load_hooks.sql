{#-
    What raw_events does around its rows, in their transaction: a load is whole, with its files and its bad lines in the
    tables that the views loaded_files and rejected_lines show, or it is not there at all.
-#}
{% macro create_load_tables() %}
    {% set register, unreadable = log_table('file_register'), log_table('unreadable_lines') %}
    {#- a warehouse from before these were kept in one transaction -#}
    {% set earlier = load_relation(log_table('loaded_files')) if execute else none %}
    create table if not exists {{ register }} as
    select
        {{ "load_id, source_file, event_mapping" if earlier and earlier.is_table
            else "cast(null as bigint) as load_id, '' as source_file, '' as event_mapping" }},
        {{ "case format when 'json_lines' then 'json' else format end" if earlier and earlier.is_table else "''" }} as format,
        cast(null as {{ dbt.type_string() }}) as source,
        {{ "delimiter, source_columns, replaces_earlier, size_bytes, line_count, rejected_count, modified_at, loaded_at"
            if earlier and earlier.is_table else
            "'' as delimiter, '' as source_columns, false as replaces_earlier, cast(0 as bigint) as size_bytes,"
            ~ " cast(0 as bigint) as line_count, cast(0 as bigint) as rejected_count,"
            ~ " cast(null as timestamp) as modified_at, cast(null as timestamp) as loaded_at" }},
        cast(null as {{ dbt.type_string() }}) as same_content_as,
        cast(null as {{ dbt.type_string() }}) as digest
    {{ "from " ~ earlier ~ " where load_id in (select load_id from " ~ load_progress() ~ " where model_name = 'raw_events')"
        if earlier and earlier.is_table else "where false" }};
    {#- a warehouse from before tables were sources -#}
    alter table {{ register }} add column if not exists cursor_value {{ dbt.type_string() }};
    {% set earlier = load_relation(log_table('rejected_lines')) if execute else none %}
    create table if not exists {{ unreadable }} as
    select
        {{ "source_file, line, reason, load_id, loaded_at" if earlier and earlier.is_table else
            "'' as source_file, '' as line, '' as reason, cast(0 as bigint) as load_id, cast(null as timestamp) as loaded_at" }}
    {{ "from " ~ earlier if earlier and earlier.is_table else "where false" }};
{% endmacro %}

{% macro next_load_id(is_full) %}
    {% if is_full or not log_table_exists('file_register') %}{% do return(1) %}{% endif %}
    {% do return(run_query("select coalesce(max(load_id), 0) + 1 from " ~ log_table('file_register')).columns[0].values()[0] | int) %}
{% endmacro %}

{#-
    Pre-hook, the first of its transaction: the columns and types that the new files need. After it DuckDB may delete and
    append; an alteration after a deletion cannot be committed.
-#}
{% macro settle_raw_columns() %}
    {% if is_incremental() %}
        {% set files = files_to_read(source_function('current_delivery', {})) %}
        {% for column in raw_columns(files, this).values() if column.type != column.known_type %}
            alter table {{ this }}
            {%- if column.known_type is none %}
            add column {{ sql_name(column.name) }} {{ column.type }};
            {%- else %}
            alter column {{ sql_name(column.name) }} set data type {{ column.type }};
            {%- endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#- Pre-hook: lines of earlier versions of a file that was replaced leave. -#}
{% macro begin_file_load() %}
    {% if is_incremental() %}{{ replace_rows_of_relation(this) }}{% endif %}
    {% set tables = [this, log_table('unreadable_lines')] if is_incremental() else [] %}
    {% set replaced = source_function('current_delivery', {}).files | selectattr('replaces_earlier') | map(attribute='path') | list %}
    {% for table in tables if replaced %}
        delete from {{ table }} where source_file in (select unnest({{ sql_list(replaced) }}));
    {% endfor %}
    {% if not is_incremental() %}
        delete from {{ log_table('file_register') }};
        delete from {{ log_table('unreadable_lines') }};
        delete from {{ load_progress() }} where model_name = 'raw_events';
    {% endif %}
    drop table if exists temp.raw_rejects;
    drop table if exists temp.raw_reject_scans;
{% endmacro %}

{#-
    Post-hook: every line of the files is a row or a rejected line, by a count that shares no code with the engine's
    parser, or nothing is kept. Where the counts differ a quote was never closed, or values go over several
    lines: then the file's records are found once more, and where that finds bad lines it is read again without them.
-#}
{% macro finish_file_load() %}
    {{ return(adapter.dispatch('finish_file_load')()) }}
{% endmacro %}

{% macro default__finish_file_load() %}
    {% do stop("finish_file_load is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__finish_file_load() %}
    {% set delivery = source_function('current_delivery', {}) if execute else {'files': []} %}
    {% if delivery.files %}
        {% set load_id = delivery.load_id %}
        {% set files = files_to_read(delivery) %}
        {% do duckdb__keep_rejects(files, load_id) %}
        {% set counts = "select (select count(*) from " ~ this ~ " where load_id = " ~ load_id ~ "), (select count(*) from "
            ~ log_table('unreadable_lines') ~ " where load_id = " ~ load_id ~ ")" %}
        {% set found = run_query(counts).rows[0] %}
        {% set found_by_file = {} %}
        {% if found[0] + found[1] != files | sum(attribute='lines') or found[1] %}
            {#- naming the file reads a text of every line: only where the sum does not tell -#}
            {% do found_by_file.update(duckdb__mend_load(files, load_id)) %}
        {% endif %}
        {% do source_function('check_unchanged', {}) %}
        insert into {{ log_table('file_register') }} values
        {% for file in delivery.files %}
        {% set counted = found_by_file.get(file.path, [file.lines if not file.same_as else 0, 0]) %}
        (
            {{ load_id }}, {{ sql_text(file.path) }}, {{ sql_text(var('event_mapping')) }}, {{ sql_text(file.format) }},
            {{ sql_text(file.source) }}, {{ sql_text(file.delimiter) }}, {{ sql_text(tojson(file.columns)) }},
            {{ file.replaces_earlier }}, {{ file.size }}, {{ counted[0] + counted[1] }}, {{ counted[1] }},
            cast({{ sql_text(file.modified_at) }} as timestamp),
            cast({{ sql_text(run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f")) }} as timestamp),
            {{ sql_text(file.same_as) if file.same_as else 'null' }}, {{ sql_text(file.digest) }},
            {{ sql_text(file.cursor_value) if file.cursor_value is string else 'null' }}
        ){{ ',' if not loop.last }}
        {% endfor %};
        insert into {{ load_progress() }}
        select 'raw_events', {{ load_id }}, '', '{{ invocation_id }}';
    {% endif %}
    select forget_delivery();
{% endmacro %}

{#-
    What the engine put aside while it read, one row a line, with what we call it; and what was found bad before. Blank
    lines above a bad one are the engine's first characters of it.
-#}
{% macro duckdb__keep_rejects(files, load_id) %}
    {% set moment = "cast(" ~ sql_text(run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f")) ~ " as timestamp)" %}
    {% set has_scans = run_query(
        "select count(*) from duckdb_tables() where temporary and table_name = 'raw_rejects'").columns[0].values()[0] %}
    {% set texts = files | rejectattr('format', 'in', ['parquet', 'relation']) | list %}
    {% if has_scans and texts %}
        {% set listed = [] %}
        {% for file in texts %}
            {% do listed.append("(" ~ sql_text(file.read_path) ~ ", " ~ sql_text(file.path) ~ ", "
                ~ (file.footer_from if file.footer_from is not none else 'null') ~ ")") %}
        {% endfor %}
        {% do run_query(
            "insert into " ~ log_table('unreadable_lines')
            ~ " select path, case when reason = 'not UTF-8' then line_at(read_path, cast(position as bigint) - 1, "
            ~ "cast(length(csv_line) - length(replace(csv_line, chr(10), '')) + 1 as bigint)) else csv_line end, reason, " ~ load_id ~ ", " ~ moment
            ~ " from (select files.read_path, files.path, rejects.line_byte_position as position,"
            ~ " any_value(trim(rejects.csv_line, chr(10) || chr(13))) as csv_line,"
            ~ " min_by(fault.reason, fault.rank) as reason"
            ~ " from temp.raw_rejects as rejects inner join temp.raw_reject_scans as scans using (scan_id, file_id)"
            ~ " inner join (values " ~ listed | join(', ') ~ ") as files (read_path, path, footer_from) on scans.file_path = files.read_path"
            ~ " cross join lateral (select case when files.footer_from < rejects.line_byte_position"
            ~ " + length(rejects.csv_line) - length(ltrim(rejects.csv_line, chr(10) || chr(13))) then 'footer'"
            ~ " when rejects.error_type = 'INVALID ENCODING' then 'not UTF-8' when rejects.error_type = 'UNQUOTED VALUE' then 'unterminated quote'"
            ~ " when rejects.error_type = 'MISSING COLUMNS' then 'too few fields' when rejects.error_type = 'TOO MANY COLUMNS' then 'too many fields'"
            ~ " else lower(cast(rejects.error_type as varchar)) end as reason,"
            ~ " case rejects.error_type when 'INVALID ENCODING' then 1 when 'UNQUOTED VALUE' then 2 else 3 end as rank) as fault"
            ~ " group by files.read_path, files.path, rejects.line_byte_position order by 1, 3)") %}
        {% do run_query("drop table temp.raw_rejects; drop table temp.raw_reject_scans") %}
    {% endif %}
    {% for file in files if file.bad_lines %}
        {% do run_query("insert into " ~ log_table('unreadable_lines') ~ " select " ~ sql_text(file.path) ~ ", line, reason, " ~ load_id ~ ", "
            ~ moment ~ " from read_json(" ~ sql_text(file.bad_lines)
            ~ ", format = 'newline_delimited', columns = {position: 'bigint', line: 'varchar', reason: 'varchar'})") %}
    {% endfor %}
    {% for group in duckdb__groups_read_alike(files | selectattr('format', 'equalto', 'json') | list) %}
        {% do run_query("insert into " ~ log_table('unreadable_lines') ~ " select " ~ duckdb__name_in_bronze(group) ~ ", line, "
            ~ duckdb__json_problem() ~ ", " ~ load_id ~ ", " ~ moment ~ " from " ~ duckdb__json_lines(group)
            ~ " where " ~ duckdb__json_problem() ~ " <> ''") %}
        {% do run_query("drop table if exists temp.raw_rejects; drop table if exists temp.raw_reject_scans") %}
    {% endfor %}
{% endmacro %}

{#- {path: [rows, rejected lines]}, after reading again what did not come out. -#}
{% macro duckdb__mend_load(files, load_id) %}
    {% set counts = "select source_file, count(*) filter (not bad), count(*) filter (bad) from (select source_file, false as bad from "
        ~ this ~ " where load_id = " ~ load_id ~ " union all select source_file, true from " ~ log_table('unreadable_lines')
        ~ " where load_id = " ~ load_id ~ ") group by source_file" %}
    {% set found = {} %}
    {% for row in run_query(counts).rows %}{% do found.update({row[0]: [row[1] | int, row[2] | int]}) %}{% endfor %}
    {% set mended = [] %}
    {% for file in files %}
        {% set counted = found.setdefault(file.path, [0, 0]) %}
        {% set bad_before = file.bad_count or 0 %}
        {% if counted[0] + counted[1] != file.lines + bad_before %}
            {% set records = source_function('count_records', {'path': file.path}) %}
            {% if records.bad_lines or records.records != counted[0] + counted[1] %}
                {% do mended.append(source_function('mend_file', {'path': file.path})) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% if mended %}
        {% for table in [this, log_table('unreadable_lines')] %}
            {% do run_query("delete from " ~ table ~ " where load_id = " ~ load_id ~ " and source_file in (select unnest("
                ~ sql_list(mended | map(attribute='path')) ~ "))") %}
        {% endfor %}
        {% do run_query("insert into " ~ this ~ " by name " ~ read_events(mended, raw_columns(mended, this), load_id)) %}
        {% do duckdb__keep_rejects(mended, load_id) %}
        {% for row in run_query(counts).rows %}{% do found.update({row[0]: [row[1] | int, row[2] | int]}) %}{% endfor %}
        {% for file in mended if found[file.path][0] + found[file.path][1] != file.lines + file.bad_count %}
            {% do stop("the file '" ~ file.path ~ "' has " ~ (file.lines + file.bad_count) ~ " records by its count, and "
                ~ found[file.path][0] ~ " were read and " ~ found[file.path][1] ~ " rejected. Nothing of this load was kept."
                ~ " Say in the event mapping how it is written: quote, escape, delimiter.") %}
        {% endfor %}
    {% endif %}
    {% do return(found) %}
{% endmacro %}
