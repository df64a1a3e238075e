{#-
    The event files under vars.events_path: [{path, format, size, modified_at}], sorted by path. A folder is
    read with its subfolders; names that begin with `_` or `.` below it are left out, as Spark and Hive do.
-#}
{% macro find_event_files() %}
    {% do return(adapter.dispatch('find_event_files')()) %}
{% endmacro %}

{% macro default__find_event_files() %}
    {% do stop("find_event_files is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__find_event_files() %}
    {% set path = events_path() %}
    {% set endings = '[.](csv|csv[.]gz|jsonl|ndjson|json|jsonl[.]gz|ndjson[.]gz|json[.]gz|parquet)$' %}
    {% set is_pattern = modules.re.search('[*?\\[]', path) %}
    {% set is_file = modules.re.search(endings, path | lower) %}
    {% set folder = path.rstrip('/') %}
    {% set pattern = path if is_pattern or is_file else folder ~ '/**' %}
    {% set found = run_query("select file from glob(" ~ sql_text(pattern) ~ ") order by file").columns[0].values() %}
    {% set files = [] %}
    {% for file in found %}
        {% set below = file[folder | length:] if not (is_pattern or is_file) else file.split('/')[-1] %}
        {% if modules.re.search(endings, file | lower) and not (
            modules.re.search('(^|/)[_.]', below) and not is_file) %}
            {% do files.append(file) %}
        {% endif %}
    {% endfor %}
    {% if not files %}
        {% do stop("events_path '" ~ path ~ "' matches no event file ("
            ~ (found | length) ~ " files there, none that ends in .csv, .jsonl, .ndjson, .json, each also .gz, or"
            ~ " .parquet). Set vars.events_path to a file, folder or glob; for the demo shop run: make demo.") %}
    {% endif %}
    {% set listing = run_query(
        "select filename, size, cast(cast(last_modified as timestamp) as varchar) as modified_at from read_blob("
        ~ sql_list(files) ~ ") order by filename") %}
    {% set event_files = [] %}
    {% for row in listing.rows %}
        {% set name = row[0] | lower %}
        {% do event_files.append({
            'path': row[0],
            'format': 'parquet' if name.endswith('.parquet')
                else ('csv' if name.endswith('.csv') or name.endswith('.csv.gz') else 'json_lines'),
            'is_gzip': name.endswith('.gz'),
            'size': row[1] | int,
            'modified_at': row[2] | string,
        }) %}
    {% endfor %}
    {% do return(event_files) %}
{% endmacro %}
