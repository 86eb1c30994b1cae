#pragma once

#include <stddef.h>

/// What an event of the YAML stream is.
typedef enum {
    CYAML_ERROR,
    CYAML_END,
    CYAML_SCALAR,
    CYAML_ALIAS,
    CYAML_SEQUENCE_START,
    CYAML_SEQUENCE_END,
    CYAML_MAPPING_START,
    CYAML_MAPPING_END,
    CYAML_OTHER,
} CYAML_kind;

/// One event. Lines and columns count from 1. `text` lives until the next event.
typedef struct {
    CYAML_kind kind;
    size_t line;
    size_t column;
    const char *_Nullable text;
    size_t count;
    int is_plain;
    int has_anchor;
    int has_tag;
} CYAML_event;

typedef struct CYAML_parser CYAML_parser;

/// A parser over `count` bytes, which must outlive it; NULL when out of memory.
CYAML_parser *_Nullable CYAML_open(const unsigned char *_Nonnull bytes, size_t count);

/// Reads the next event. An error's text says what is wrong.
void CYAML_next(CYAML_parser *_Nonnull parser, CYAML_event *_Nonnull event);

/// Frees the parser.
void CYAML_close(CYAML_parser *_Nonnull parser);
