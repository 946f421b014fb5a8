/*
 * Sessions (rule 13): the first digest that a session gets for an identity is
 * its own from then on, on all hosts, before the first answer goes out.
 *
 *     zone --> Redis: is it known? --> a lookup as usual --> Redis: the first
 *                                                            one wins
 *
 * Without Redis, and for engines that tell of this host alone, it is the
 * zone where the first one wins.
 */

#include <ngx_image_lookup_state.h>


/* how often it is said that there is no room for sessions, seconds */
#define NGX_IMAGE_LOOKUP_SESSION_SAY    10

/* lookups whose digests were invalidated before they could be a session's */
#define NGX_IMAGE_LOOKUP_SESSION_TRIES  3


struct ngx_image_lookup_session_s {
    ngx_image_waiter_t          *waiter;       /* whose session it is */
    ngx_image_resolver_t        *resolver;
    ngx_image_question_t        *question;
    ngx_image_id_t               id;           /* of session and identity */

    ngx_image_waiter_t           inner;        /* of the lookup as usual */
    ngx_image_shared_session_t   op;
    ngx_uint_t                   tries;        /* lookups as usual */
    unsigned                     asking:1;     /* op is under way */
};


static ngx_int_t ngx_image_lookup_session_ask(ngx_image_lookup_session_t *s);
static void ngx_image_lookup_session_handler(ngx_image_shared_session_t *op);
static ngx_int_t ngx_image_lookup_session_look(ngx_image_lookup_session_t *s);
static void ngx_image_lookup_session_looked(ngx_image_waiter_t *inner);
static ngx_int_t ngx_image_lookup_session_bind(ngx_image_lookup_session_t *s);
static ngx_int_t ngx_image_lookup_session_keep(ngx_image_lookup_session_t *s,
    ngx_image_session_t *session, ngx_flag_t fresh);
static ngx_int_t ngx_image_lookup_session_fail(ngx_image_lookup_session_t *s,
    image_reason_e reason, ngx_image_from_e from);
static void ngx_image_lookup_session_set(ngx_image_lookup_session_t *s,
    ngx_image_session_t *session, ngx_image_from_e from);
static ngx_flag_t ngx_image_lookup_session_is_shared(
    ngx_image_lookup_session_t *s);


ngx_int_t
ngx_image_lookup_session(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question, ngx_image_waiter_t *w)
{
    ngx_int_t                    rc;
    ngx_image_session_t          session;
    ngx_image_lookup_session_t  *s;

    s = ngx_pcalloc(w->pool, sizeof(ngx_image_lookup_session_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->waiter = w;
    s->resolver = resolver;
    s->question = question;

    if (ngx_image_lookup_derive(&s->id, "session", &question->session,
                                &question->subject.id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_image_zone_session(resolver->zone, &s->id, &session) == NGX_OK) {
        ngx_image_lookup_session_set(s, &session, NGX_IMAGE_FROM_SESSION);
        return NGX_OK;
    }

    w->session = s;

    rc = ngx_image_lookup_session_is_shared(s)
         ? ngx_image_lookup_session_ask(s) : ngx_image_lookup_session_look(s);

    if (rc == NGX_AGAIN) {
        ngx_image_lookup_wait(w);

    } else {
        w->session = NULL;
    }

    return rc;
}


void
ngx_image_lookup_session_leave(ngx_image_lookup_session_t *s)
{
    if (s->asking) {
        s->asking = 0;
        ngx_image_shared_session_cancel(&s->op);
    }

    ngx_image_lookup_leave(&s->inner);
}


/*
 * The steps return NGX_OK: the waiter has its answer; NGX_AGAIN: there is
 * another step; NGX_ERROR: no memory.
 */

static ngx_int_t
ngx_image_lookup_session_ask(ngx_image_lookup_session_t *s)
{
    ngx_image_shared_session_t  *op;

    op = &s->op;

    op->conf = s->resolver->shared;
    op->subject = &s->question->subject;
    op->session = s->question->session;
    op->log = ngx_cycle->log;
    op->handler = ngx_image_lookup_session_handler;
    op->data = s;

    if (ngx_image_shared_session(op) == NGX_OK) {
        s->asking = 1;
        return NGX_AGAIN;
    }

    return ngx_image_lookup_session_fail(s, IMAGE_SESSION_UNAVAILABLE,
                                         NGX_IMAGE_FROM_NOWHERE);
}


static void
ngx_image_lookup_session_handler(ngx_image_shared_session_t *op)
{
    ngx_int_t                    rc;
    ngx_image_lookup_session_t  *s;

    s = op->data;
    s->asking = 0;

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, op->log, 0,
                   "image lookup session: redis answered: %i, fresh:%i",
                   op->rc, op->fresh);

    if (op->rc != NGX_OK) {
        rc = ngx_image_lookup_session_fail(s, IMAGE_SESSION_UNAVAILABLE,
                                           NGX_IMAGE_FROM_NOWHERE);

    } else if (op->bound.digest.algorithm != IMAGE_DIGEST_NONE) {
        rc = ngx_image_lookup_session_keep(s, &op->bound, op->fresh);

    } else {
        rc = ngx_image_lookup_session_look(s);
    }

    if (rc != NGX_AGAIN) {
        ngx_image_lookup_serve(s->waiter);
    }
}


static ngx_int_t
ngx_image_lookup_session_look(ngx_image_lookup_session_t *s)
{
    ngx_int_t              rc;
    ngx_image_waiter_t    *inner;
    ngx_image_question_t   question;

    if (s->tries++ == NGX_IMAGE_LOOKUP_SESSION_TRIES) {
        return ngx_image_lookup_session_fail(s, IMAGE_SESSION_UNAVAILABLE,
                                             NGX_IMAGE_FROM_NOWHERE);
    }

    inner = &s->inner;

    ngx_memzero(inner, sizeof(ngx_image_waiter_t));

    inner->ttl = s->waiter->ttl;
    inner->arrived = s->waiter->arrived;
    inner->timeout = s->waiter->timeout;
    inner->handler = ngx_image_lookup_session_looked;
    inner->data = s;

    question = *s->question;
    ngx_str_null(&question.session);

    rc = ngx_image_lookup(s->resolver, &question, inner);

    if (rc == NGX_OK) {
        return ngx_image_lookup_session_bind(s);
    }

    if (rc == NGX_ERROR) {
        (void) ngx_image_lookup_session_fail(s, IMAGE_OVERLOADED,
                                             NGX_IMAGE_FROM_NOWHERE);
    }

    return rc;
}


static void
ngx_image_lookup_session_looked(ngx_image_waiter_t *inner)
{
    ngx_image_lookup_session_t  *s;

    s = inner->data;

    if (ngx_image_lookup_session_bind(s) != NGX_AGAIN) {
        ngx_image_lookup_serve(s->waiter);
    }
}


static ngx_int_t
ngx_image_lookup_session_bind(ngx_image_lookup_session_t *s)
{
    image_moment_t        now;
    ngx_image_waiter_t   *inner;
    ngx_image_session_t   session;

    inner = &s->inner;

    if (inner->reason != IMAGE_OK) {
        return ngx_image_lookup_session_fail(s, inner->reason, inner->from);
    }

    if (ngx_image_lookup_session_is_shared(s)) {
        s->op.digest = inner->digest;
        s->op.age = inner->age;

        return ngx_image_lookup_session_ask(s);
    }

    ngx_image_now(&now);

    session.digest = inner->digest;
    session.at.boot = now.boot - inner->age;
    session.at.wall = now.wall - inner->age;
    session.until = now.boot + s->resolver->retention;

    return ngx_image_lookup_session_keep(s, &session, 1);
}


/* fresh: it has just become the session's */

static ngx_int_t
ngx_image_lookup_session_keep(ngx_image_lookup_session_t *s,
    ngx_image_session_t *session, ngx_flag_t fresh)
{
    int64_t                until;
    ngx_image_resolver_t  *resolver;

    resolver = s->resolver;
    until = session->until;

    session->shared = ngx_image_lookup_session_is_shared(s);

    if (ngx_image_zone_bind(resolver->zone, &s->id, session) != NGX_OK) {
        if (ngx_time() - resolver->said_sessions
            >= NGX_IMAGE_LOOKUP_SESSION_SAY)
        {
            resolver->said_sessions = ngx_time();

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "image digest: %s, resolver \"%V\": there is no "
                          "room for another session: make its zone larger, "
                          "its retention shorter, or give it a redis",
                          image_reason_name(IMAGE_SESSION_UNAVAILABLE),
                          &resolver->name);
        }

        return ngx_image_lookup_session_fail(s, IMAGE_SESSION_UNAVAILABLE,
                                             NGX_IMAGE_FROM_NOWHERE);
    }

    /* another request of the session was first */

    if (session->until != until) {
        fresh = 0;
    }

    ngx_image_lookup_session_set(s, session, fresh ? s->inner.from
                                                   : NGX_IMAGE_FROM_SESSION);
    return NGX_OK;
}


static ngx_int_t
ngx_image_lookup_session_fail(ngx_image_lookup_session_t *s,
    image_reason_e reason, ngx_image_from_e from)
{
    s->waiter->reason = reason;
    s->waiter->from = from;

    return NGX_OK;
}


static void
ngx_image_lookup_session_set(ngx_image_lookup_session_t *s,
    ngx_image_session_t *session, ngx_image_from_e from)
{
    int64_t              age;
    image_moment_t       now;
    ngx_image_waiter_t  *w;

    w = s->waiter;

    ngx_image_now(&now);

    age = image_age(&session->at, &now);

    w->reason = IMAGE_OK;
    w->from = from;
    w->digest = session->digest;
    w->age = ngx_max(age, 0);

    /* a session's digest counts as settled */

    w->held = INT64_MAX;
}


static ngx_flag_t
ngx_image_lookup_session_is_shared(ngx_image_lookup_session_t *s)
{
    return s->resolver->shared && !s->question->engine->local;
}
