{#- Post-hook of bronze.loads: says what became of the lines of each load that it counted and that has not been replaced whole. -#}
{% macro tell_loads() %}
    {% call tell() %}
        select 'load' as what, loads.*
        from {{ this }} as loads
        where load_id > {{ seen_load() }} and (lines > 0 or load_id = (select max(load_id) from {{ this }}))
        order by load_id desc
        limit 3
    {% endcall %}
{% endmacro %}

{#-
    Post-hook of left_out_lines: warns where more than vars.warn_left_over of the new lines were rejected or quarantined, and
    stops above vars.stop_left_over, before there are events of them. Where silver starts over, new is all the same
    what was loaded since; and everything, where that is in no row of its own: a joined row may be of its other file's earlier load.
-#}
{% macro check_left_over() %}
    {% if execute %}
        {% set last, seen = seen_load(starts_over=false), seen_load() %}
        {% set new = "load_id > " ~ last %}
        {% if last != seen %}
            {% set given = run_query("select (select count(*) from " ~ ref('raw_events') ~ " where " ~ new
                ~ "), (select count(*) from " ~ source_rows() ~ " where " ~ new ~ ")").rows[0] %}
            {% if given[0] and not given[1] %}{% set new = "load_id > " ~ seen %}{% endif %}
        {% endif %}
        {% set of_broken = "from " ~ this ~ " where reasons is not null and " ~ new %}
        {#- the load, too, so that lines of others are not even read -#}
        {% set broken = new ~ " and " ~ row_id() ~ " in (select row_id " ~ of_broken ~ ")" %}
        {% set rejected = "from " ~ ref('rejected_lines') ~ " where reason <> 'footer' and " ~ new %}
        {% set counts = run_query(
            "select (select count(*) from " ~ source_rows() ~ " where " ~ new ~ "), (select count(*) " ~ rejected ~ "), (select count(*) "
            ~ of_broken ~ "), (select count(*) from " ~ ref('raw_events') ~ " where " ~ new ~ ")").rows[0] %}
        {% set lines, lost = (counts[0] + counts[1]) | int, (counts[1] + counts[2]) | int %}
        {% if lost > lines * var('warn_left_over') %}
            {% set reasons = [] %}
            {% for row in run_query(commonest_reasons(broken, rejected)).rows %}{% do reasons.append([row[0], row[1] | int, row[2]]) %}{% endfor %}
            {% do plugin_function('in_words', {
                'what': 'too_much_left_over' if lost > lines * var('stop_left_over') else 'left_over',
                'stop_left_over': var('stop_left_over'), 'lines': lines, 'lost': lost, 'mapping': var('event_mapping'),
                'reasons': reasons}) %}
        {% endif %}
        {% if counts[3] and not counts[0] %}
            {% call tell() %}
                select 'no_rows' as what, {{ counts[3] }} as lines, {{ sql_text(var('event_mapping')) }} as event_mapping
            {% endcall %}
        {% endif %}
        {#- ids that came as floating numbers beyond what those tell apart; what `rows` makes on Spark has no columns of the lines -#}
        {% set has_rows = event_mapping().get('rows') %}
        {% for column in compiled_mapping().floating_ids if not (has_rows and target.type == 'spark') %}
            {% call tell() %}
                select
                    case when count(*) > 0 then 'imprecise_ids' end as what,
                    count(*) as numbers, {{ sql_text(column.name) }} as name, {{ sql_text(column.id) }} as id
                from {{ source_rows() if has_rows else ref('raw_events') }}
                where {{ new }} and abs({{ sql_name(column.name) }}) >= 9007199254740992
            {% endcall %}
        {% endfor %}
        {#- times that were read in the wrong order of day and month: no filter, which the planner would try on the lines of all -#}
        {% call tell() %}
            select case when count(wrong_time) > 0 then 'month_above_12' end as what, count(wrong_time) as times, min(wrong_time) as sample
            from (
                select
                    case when event_time is null and regexp_extract(source_event_time, '^ *[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}', 0) <> ''
                    and greatest(try_cast(regexp_extract(source_event_time, '[0-9]+', 0) as int),
                        try_cast(regexp_extract(source_event_time, '[0-9]+[/.-]([0-9]+)', 1) as int)) > 12 then source_event_time end as wrong_time
                from ({{ event_lines(only=broken) }}) as lines
            ) as broken_lines
        {% endcall %}
        {#- files whose own time of change says nothing -#}
        {% call tell() %}
            select
                case when count(*) > 0 then 'files_without_age' end as what,
                min(source_file) as name, case when count(*) > 1 then ' and ' || (count(*) - 1) || ' others' else '' end as others
            from {{ ref('loaded_files') }}
            where modified_at < timestamp '1990-01-01' and {{ new }}
        {% endcall %}
    {% endif %}
{% endmacro %}

{#- Select of the commonest reasons of a load for which lines are no events: reason, how often, and a sample. -#}
{% macro commonest_reasons(broken, rejected) %}
    select
        reason,
        count(*) as times,
        min(sample) as sample
    from (
        select
            lines.reasons as reason,
            'time ' || coalesce(source_event_time, 'none') || ', type ' || coalesce(source_event_type, 'none') || ', user '
            || coalesce(user_id, source_user_id, 'none') || ', price ' || coalesce(source_price, 'none') || ', quantity '
            || coalesce(source_quantity, 'none') as sample
        from ({{ event_lines(only=broken) }}) as rows_of_lines
        inner join {{ this }} as lines on rows_of_lines.row_id = lines.row_id
        union all
        select reason, line {{ rejected }}
    ) as samples
    group by reason
    order by times desc, reason
    limit 5
{% endmacro %}

{#-
    Post-hook of user_days: warns of users with more events a day than people make. They stay what they are, users.
    After the first load only the newest week is looked at, so that an old bot is not news every day.
-#}
{% macro tell_bots() %}
    {% call tell() %}
        select 'bot' as what, user_id, event_date, events, {{ var('bot_events_per_day') }} as most
        from {{ this }}
        where
            events > {{ var('bot_events_per_day') }}
            {{ "and event_date > (select " ~ dbt.dateadd('day', -7, 'max(event_date)') ~ " from " ~ this ~ ")" if is_incremental() }}
        order by events desc, user_id, event_date
        limit 3
    {% endcall %}
{% endmacro %}

{#- Post-hook of user_days: the same of orders out of proportion, to the median and to all that was paid in the time looked at. -#}
{% macro tell_large_orders() %}
    {% call tell() %}
        with paid_days as (
            select user_id, event_date, revenue
            from {{ this }}
            where revenue > 0 {{ "and event_date > (select " ~ dbt.dateadd('day', -(outcomes() | map(attribute='horizon_days') | max), 'max(event_date)') ~ " from " ~ this ~ ")" if is_incremental() }}
        )

        select 'large_order' as what, user_id, event_date, revenue, revenue / typical as times
        from paid_days
        cross join (select median(revenue) as typical, sum(revenue) as total, max(event_date) as last_day from paid_days) as shop
        where revenue > 100 * typical and revenue > 0.01 * total {{ "and event_date > " ~ dbt.dateadd('day', -7, 'last_day') if is_incremental() }}
        order by revenue desc, user_id, event_date
        limit 3
    {% endcall %}
{% endmacro %}
