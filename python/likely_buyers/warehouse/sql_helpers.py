"""stub"""
def create_helpers(cursor):
    cursor.execute("create or replace temp macro as_utc_in(z, v) as timezone(z, try_cast(cast(v as varchar) as timestamp)), (z, v, f) as timezone(z, try_strptime(cast(v as varchar), f))")
    cursor.execute("create or replace temp macro as_email(v) as lower(trim(v))")
    cursor.execute("create or replace temp macro as_number(v) as try_cast(replace(v,',','') as decimal(38,6)), (v, d) as try_cast(replace(replace(v,'.',''),',','.') as decimal(38,6))")
