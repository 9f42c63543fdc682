-- A text with what a C++ string would trip over: "quotes", \n, and a ;
CREATE TABLE vials(name TEXT PRIMARY KEY, note TEXT NOT NULL DEFAULT 'a;b "c" \n') STRICT;
