{#-
    Select of ten tenths of equal count (they differ by one at most, the unlikelier ones being the larger) for each set
    of `score_groups`, 1 being the likeliest; one per user where there are fewer than ten. A group that lies across the
    edge of two tenths gives each its share of users and of buyers.
-#}
{% macro score_deciles(score_groups) %}
    select
        as_of_date,
        model_name,
        model_version,
        decile,
        sum(users_in_decile) as users,
        {{ exact_sum('users_in_decile * probability') }} as predicted_buyers,
        {{ exact_sum('users_in_decile * ' ~ ratio('buyers', 'users')) }} as actual_buyers
    from (
        select
            placed_groups.*,
            numbers.decile,
            least(
                users_above + users,
                numbers.decile * smallest_decile + greatest(numbers.decile - smallest_deciles, 0)
            ) - greatest(
                users_above,
                (numbers.decile - 1) * smallest_decile + greatest(numbers.decile - 1 - smallest_deciles, 0)
            ) as users_in_decile
        from (
            select
                sized_groups.*,
                deciles - (set_users - deciles * smallest_decile) as smallest_deciles
            from (
                select
                    score_groups.*,
                    least(set_users, 10) as deciles,
                    floor(set_users / least(set_users, 10)) as smallest_decile
                from {{ score_groups }} as score_groups
            ) as sized_groups
        ) as placed_groups
        inner join (
            {%- for decile in range(1, 11) %}
            select {{ decile }} as decile
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as numbers on placed_groups.deciles >= numbers.decile
    ) as divided_groups
    where users_in_decile > 0
    group by as_of_date, model_name, model_version, decile
{% endmacro %}
