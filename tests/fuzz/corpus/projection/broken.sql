--@ on A each .x
{{t :a. ?1 /* "