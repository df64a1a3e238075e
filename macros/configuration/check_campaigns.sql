{#-
    Post-hook of the seed campaigns, in its transaction: a campaign that cannot be listed stops the build with what is
    wrong with it, and the rows of the seed stay what they were. What is wrong, and when, stands with the seed (meta.problems).
-#}
{% macro check_campaigns() %}
    {% call tell() %}
        select
            case when count(*) > 0 then 'campaigns' end as what,
            {{ dbt.listagg("'campaign ''' || coalesce(campaign, '') || ''' ' || problem", "'; '", "order by campaign, problem") }} as problems
        from (
            {%- for problem, condition in model.config.meta.problems.items() %}
            select campaign, {{ sql_text(problem) }} as problem from {{ this }}
            where {{ condition }}
            union all
            {%- endfor %}
            select campaign, concat('names the outcome ''', outcome, ''', which vars.outcomes has not') from {{ this }}
            where outcome not in ({{ outcome_names() }})
            union all
            select campaign, 'stands ' || count(*) || ' times' as problem from {{ this }}
            group by campaign
            having count(*) > 1
        ) as found_problems
    {% endcall %}
{% endmacro %}
