{#- At the end of a run: what is older than vars.keep_days is forgotten. `likely-buyers maintain` does the rest of the upkeep. -#}
{% macro forget_snapshots() %}
    {% do return(adapter.dispatch('forget_snapshots')()) %}
{% endmacro %}

{#- Another engine keeps its tables up by itself. -#}
{% macro default__forget_snapshots() %}{% endmacro %}

{% macro duckdb__forget_snapshots() %}
    {% if not execute %}{% do return('') %}{% endif %}
    {% set oldest = (run_started_at - modules.datetime.timedelta(days=var('keep_days'))).isoformat() %}
    {% set is_older = run_query("select count(*) from ducklake_snapshots(" ~ sql_text(target.database) ~ ") where snapshot_time < "
        ~ "cast('" ~ oldest ~ "' as timestamptz)").columns[0].values()[0] %}
    {% if is_older > 1 %}
        {% do run_query("select count(*) from ducklake_expire_snapshots(" ~ sql_text(target.database)
            ~ ", older_than => cast('" ~ oldest ~ "' as timestamptz))") %}
        {% do run_query("select count(*) from ducklake_cleanup_old_files(" ~ sql_text(target.database) ~ ", cleanup_all => true)") %}
    {% endif %}
{% endmacro %}
