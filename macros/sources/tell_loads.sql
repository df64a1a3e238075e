{#-
    Whether the events of each pending load have to be told apart by their ids: where several loads are counted at once. Of a
    single one the difference to what was there before tells.
-#}
{% macro count_events_by_load() %}
    {% if not can_be_read(ref('loaded_files')) %}{% do return(false) %}{% endif %}
    {% set pending = run_query("select count(*) from (" ~ (pending_loads('events') if rows_are_by_line() else loads_if_pending('events'))
        ~ ") as pending").columns[0].values()[0] | int %}
    {% if pending > 1 %}{% do return(true) %}{% endif %}
    {#- the hook that makes the model start over has not run when this is asked -#}
    {% set starts_over = run_query("select count(*) from (" ~ loads_taken_in('events') ~ ") as taken_in having count(*) > 1 and ("
        ~ "exists (select 1 from " ~ ref('loaded_files') ~ " where replaces_earlier and load_id in (" ~ pending_loads('events') ~ "))"
        ~ " or exists (select 1 from " ~ load_progress() ~ " where model_name = '" ~ this.identifier ~ "' and definition <> "
        ~ event_definition() ~ "))").rows %}
    {% do return(starts_over | length > 0) %}
{% endmacro %}

{#- Post-hook of bronze.loads: says what became of the lines of each load that it counted and that has not been replaced whole. -#}
{% macro tell_loads() %}
    {% if execute %}
        {% set rows = run_query(
            "select load_in_words(cast(to_json(told) as varchar)) from " ~ this ~ " as told where load_id in ("
            ~ pending_loads('events') ~ ") and (lines > 0 or load_id = (select max(load_id) from " ~ this ~ "))"
            ~ " order by load_id desc limit 3").rows %}
        {% for row in rows %}{% do log("likely_buyers: " ~ row[0], info=true) %}{% endfor %}
    {% endif %}
{% endmacro %}

{#-
    Post-hook of quarantined_events: warns where more than vars.warn_left_over of the new lines were rejected or
    quarantined, and stops above vars.stop_left_over, before events are made.
-#}
{% macro check_left_over() %}
    {% if execute %}
        {% set pending = pending_loads('raw_events') if rows_are_by_line() else loads_if_pending('raw_events') %}
        {% set whole = "source_file in (select source_file from " ~ ref('loaded_files') ~ " where load_id in (" ~ pending ~ "))" %}
        {% set counts = run_query(
            "select (select count(*) from " ~ mapped_rows(raw_lines(pending)) ~ " as mapped_rows), (select count(*) from " ~ ref('rejected_lines')
            ~ " where reason <> 'footer' and load_id in (" ~ pending ~ ")), (select count(*) from " ~ this ~ " where " ~ whole ~ ")").rows[0] %}
        {% set all = (counts[0] + counts[1]) | int %}
        {% set lost = (counts[1] + counts[2]) | int %}
        {% if all and lost > all * var('warn_left_over') %}
            {% set rows = run_query(
                "select reason, count(*), min(sample) from (select reasons as reason, "
                ~ "'time ' || coalesce(event_time, 'none') || ', type ' || coalesce(event_type, 'none') || ', user ' || coalesce(user_id, 'none')"
                ~ " || ', price ' || coalesce(price, 'none') || ', quantity ' || coalesce(quantity, 'none') as sample from " ~ this ~ " where " ~ whole
                ~ " union all select reason, line from " ~ ref('rejected_lines') ~ " where reason <> 'footer' and load_id in (" ~ pending
                ~ ")) group by reason order by count(*) desc, reason limit 5").rows %}
            {% set reasons = [] %}
            {% for row in rows %}{% do reasons.append([row[0], row[1] | int, row[2]]) %}{% endfor %}
            {% set message = source_function('left_over_in_words', {
                'lines': all, 'lost': lost, 'reasons': reasons, 'mapping': var('event_mapping')}) %}
            {% if lost > all * var('stop_left_over') %}
                {% do stop(message ~ " More than vars.stop_left_over (" ~ var('stop_left_over') ~ ") are lost, so the build stops"
                    ~ " before silver; bronze has the lines. Mend the mapping and run dbt build again, or raise stop_left_over (1 never stops).") %}
            {% endif %}
            {% do exceptions.warn("likely_buyers: " ~ message ~ " silver.quarantined_events and bronze.rejected_lines have them.") %}
        {% endif %}
        {% set lines = run_query("select count(*) from " ~ ref('raw_events') ~ " where load_id in (" ~ pending ~ ")").columns[0].values()[0] %}
        {% if lines and not counts[0] %}
            {% do stop("the `rows` of the event mapping '" ~ var('event_mapping') ~ "' give no row for " ~ "{:,}".format(lines | int)
                ~ " lines. The build stops before silver; bronze has the lines. Mend the mapping and run dbt build again.") %}
        {% endif %}
        {% do warn_of_imprecise_ids(pending) %}
        {% do warn_of_times(whole) %}
    {% endif %}
{% endmacro %}

{#- Ids that came as floating numbers beyond what those tell apart. -#}
{% macro warn_of_imprecise_ids(pending) %}
    {% for column in compiled_mapping().floating_ids %}
        {% set count = run_query("select count(*) from " ~ mapped_rows(raw_lines(pending)) ~ " as mapped_rows where abs("
            ~ sql_name(column.name) ~ ") >= 9007199254740992").columns[0].values()[0] %}
        {% if count %}
            {% do exceptions.warn("likely_buyers: the column '" ~ column.name ~ "' has " ~ "{:,}".format(count | int)
                ~ " numbers of 2^53 or more in a floating type, which cannot tell neighbours apart: two ids may have become one "
                ~ column.id ~ ". Deliver it as whole numbers or as text.") %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{#- Times that were read in the wrong order of day and month, and files whose own time of change says nothing. -#}
{% macro warn_of_times(whole) %}
    {% set rows = run_query(
        "select count(*), min(event_time) from " ~ this ~ " where reasons like '%invalid_event_time%' and " ~ whole
        ~ " and regexp_matches(event_time, '^\\s*([0-9]{1,2})[/.-]([0-9]{1,2})[/.-][0-9]{2,4}') and (try_cast(regexp_extract(event_time, '[0-9]+') as int) > 12"
        ~ " or try_cast(regexp_extract(event_time, '[0-9]+[/.-]([0-9]+)', 1) as int) > 12)").rows %}
    {% if rows[0][0] %}
        {% do exceptions.warn("likely_buyers: " ~ rows[0][0] ~ " times, such as '" ~ rows[0][1] ~ "', have a number above 12 where the event mapping"
            ~ " expects the month: day and month are the other way round, and times up to the 12th were read wrong without an error."
            ~ " Give as_utc the right format, '%d/%m/%Y %H:%M:%S' or '%m/%d/%Y %H:%M:%S'.") %}
    {% endif %}
    {% set rows = run_query("select count(*), min(source_file) from " ~ ref('loaded_files') ~ " where modified_at < timestamp '1990-01-01' and "
        ~ whole).rows %}
    {% if rows[0][0] %}
        {% do exceptions.warn("likely_buyers: the file '" ~ rows[0][1] ~ "'" ~ ((" and " ~ (rows[0][0] - 1) ~ " others") if rows[0][0] > 1 else "")
            ~ " says that it was changed before 1990, which says nothing: its lines are not checked for times of the future.") %}
    {% endif %}
{% endmacro %}
