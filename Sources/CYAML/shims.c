#include "CYAML.h"

#include <stdlib.h>
#include <yaml.h>

struct CYAML_parser {
    yaml_parser_t parser;
    yaml_event_t event;
    int has_event;
};

CYAML_parser *CYAML_open(const unsigned char *bytes, size_t count) {
    CYAML_parser *self = calloc(1, sizeof *self);
    if (self == NULL) return NULL;
    if (!yaml_parser_initialize(&self->parser)) {
        free(self);
        return NULL;
    }
    yaml_parser_set_input_string(&self->parser, bytes, count);
    yaml_parser_set_encoding(&self->parser, YAML_UTF8_ENCODING);
    return self;
}

static void release(CYAML_parser *self) {
    if (self->has_event) yaml_event_delete(&self->event);
    self->has_event = 0;
}

static void fail(CYAML_parser *self, CYAML_event *out) {
    out->kind = CYAML_ERROR;
    out->text = self->parser.problem;
    out->line = self->parser.problem_mark.line + 1;
    out->column = self->parser.problem_mark.column + 1;
}

void CYAML_next(CYAML_parser *self, CYAML_event *out) {
    release(self);
    *out = (CYAML_event){.kind = CYAML_OTHER};
    if (!yaml_parser_parse(&self->parser, &self->event)) {
        fail(self, out);
        return;
    }
    self->has_event = 1;
    yaml_event_t *event = &self->event;
    out->line = event->start_mark.line + 1;
    out->column = event->start_mark.column + 1;
    switch (event->type) {
    case YAML_STREAM_END_EVENT: out->kind = CYAML_END; break;
    case YAML_ALIAS_EVENT: out->kind = CYAML_ALIAS; break;
    case YAML_SCALAR_EVENT:
        out->kind = CYAML_SCALAR;
        out->text = (const char *)event->data.scalar.value;
        out->count = event->data.scalar.length;
        out->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        out->has_anchor = event->data.scalar.anchor != NULL;
        out->has_tag = event->data.scalar.tag != NULL;
        break;
    case YAML_SEQUENCE_START_EVENT:
        out->kind = CYAML_SEQUENCE_START;
        out->has_anchor = event->data.sequence_start.anchor != NULL;
        out->has_tag = event->data.sequence_start.tag != NULL;
        break;
    case YAML_SEQUENCE_END_EVENT: out->kind = CYAML_SEQUENCE_END; break;
    case YAML_MAPPING_START_EVENT:
        out->kind = CYAML_MAPPING_START;
        out->has_anchor = event->data.mapping_start.anchor != NULL;
        out->has_tag = event->data.mapping_start.tag != NULL;
        break;
    case YAML_MAPPING_END_EVENT: out->kind = CYAML_MAPPING_END; break;
    default: break;
    }
}

void CYAML_close(CYAML_parser *self) {
    release(self);
    yaml_parser_delete(&self->parser);
    free(self);
}
