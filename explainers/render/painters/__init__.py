"""One file per kind of picture, each of which says which arrays it draws; dropping a file in is the whole act of adding one."""
