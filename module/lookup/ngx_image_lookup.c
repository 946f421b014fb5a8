/*
 * Lookups, from their begin to their end (docs/architecture.md, "A lookup").
 *
 * There is one lookup for an identity in a worker.  Whoever asks for it while
 * it is under way waits for it; after each step all waiters are held against
 * what is known by their own rules, those who may use it leave, and for the
 * rest it goes on.  That is all there is to coalescing and to TTL 0: a
 * waiter that came after a call began is not served by it, and so waits for
 * the next one together with all who wait likewise (rule 3).
 */

#include <ngx_image_lookup_state.h>

#include <openssl/rand.h>


/* a renewal is put off by so much at the most, milliseconds */
#define NGX_IMAGE_LOOKUP_SPREAD  3000


static ngx_image_lookup_t *ngx_image_lookup_create(
    ngx_image_resolver_t *resolver, ngx_image_question_t *question);
static uint64_t ngx_image_lookup_owner(void);
static void ngx_image_lookup_renew(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question, ngx_image_waiter_t *w,
    image_observation_t *o, image_moment_t *now);
static u_char *ngx_image_lookup_log_error(ngx_log_t *log, u_char *buf,
    size_t len);


ngx_int_t
ngx_image_lookup_init(ngx_image_resolver_t *resolver, ngx_cycle_t *cycle)
{
    u_char  random[sizeof(resolver->random) / 2];

    ngx_rbtree_init(&resolver->lookups, &resolver->sentinel,
                    ngx_rbtree_insert_value);

    ngx_queue_init(&resolver->waiting);

    ngx_image_lookup_settle_init();

    if (RAND_bytes(random, sizeof(random)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "image digest: RAND_bytes() failed");
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(resolver->random, random, sizeof(random));

    ngx_image_zone_listen(resolver->zone, ngx_image_lookup_rung, resolver,
                          cycle);

    if (resolver->shared == NULL) {
        return NGX_OK;
    }

    return ngx_image_shared_init(resolver->shared, ngx_image_lookup_news,
                                 resolver, cycle);
}


void
ngx_image_lookup_exit(ngx_image_resolver_t *resolver)
{
    ngx_image_lookup_abandon(resolver);

    if (resolver->shared) {
        ngx_image_shared_exit(resolver->shared);
    }

    ngx_image_zone_deafen(resolver->zone);
}


void
ngx_image_lookup_abandon(ngx_image_resolver_t *resolver)
{
    ngx_image_lookup_t  *lookup;

    while (resolver->lookups.root != resolver->lookups.sentinel) {
        lookup = (ngx_image_lookup_t *) resolver->lookups.root;

        if (lookup->asking) {
            lookup->asking = 0;
            ngx_image_shared_cancel(&lookup->op);
        }

        if (lookup->calling) {
            lookup->calling = 0;
            lookup->question.engine->type->cancel(&lookup->call);
            ngx_image_lookup_call_ended(lookup);
        }

        ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
    }
}


ngx_int_t
ngx_image_lookup_identify(ngx_image_question_t *question, ngx_pool_t *pool)
{
    ngx_uint_t            n;
    image_str_t           parts[NGX_IMAGE_IDENTITY_PARTS + 3];
    ngx_image_subject_t  *subject;

    subject = &question->subject;

    subject->reference.data = question->reference->text;
    subject->reference.len = question->reference->len;
    subject->platform.data = question->platform->text;
    subject->platform.len = question->platform->len;
    subject->registry.data = (u_char *) question->reference->domain.data;
    subject->registry.len = question->reference->domain.len;
    subject->engine = question->engine->name;

    if (question->engine->type->identity(question->engine, question->registry,
                                         question->reference, pool, parts, &n)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the whole registry, as this engine asks it, or the whole engine */

    if (question->engine->type->flags
        & (NGX_IMAGE_ENGINE_REGISTRIES|NGX_IMAGE_ENGINE_PULL))
    {
        parts[n] = question->reference->domain;

    } else {
        parts[n].len = 0;
        parts[n].data = (u_char *) "";

        subject->registry = question->engine->type->name;
    }

    if (image_hash(subject->limit_id.hash, parts, n + 1) != 0) {
        return NGX_ERROR;
    }

    parts[n].data = subject->reference.data;
    parts[n].len = subject->reference.len;
    parts[n + 1].data = subject->platform.data;
    parts[n + 1].len = subject->platform.len;
    parts[n + 2].data = question->pod.data;
    parts[n + 2].len = question->pod.len;

    if (image_hash(subject->id.hash, parts, n + 3) != 0) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_image_lookup(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question, ngx_image_waiter_t *w)
{
    image_moment_t        now;
    ngx_image_lookup_t   *lookup;
    image_observation_t   o;

    if (question->session.len) {
        return ngx_image_lookup_session(resolver, question, w);
    }

    ngx_image_now(&now);

    if (ngx_image_zone_get(resolver->zone, &question->subject.id,
                           &question->subject.reference, &o)
        == NGX_OK
        && ngx_image_lookup_answer(resolver, w, &o, &now) == NGX_OK)
    {
        w->from = NGX_IMAGE_FROM_ZONE;

        if (w->reason == IMAGE_OK) {
            ngx_image_lookup_renew(resolver, question, w, &o, &now);
        }

        return NGX_OK;
    }

    lookup = ngx_image_lookup_find(resolver, &question->subject.id);

    if (lookup == NULL) {
        lookup = ngx_image_lookup_create(resolver, question);
        if (lookup == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_image_lookup_wait(w);

    ngx_queue_insert_tail(&lookup->waiters, &w->queue);
    w->queued = 1;

    if (lookup->state == NGX_IMAGE_LOOKUP_DELAYED) {
        ngx_image_lookup_round(lookup);

    } else if (lookup->state != NGX_IMAGE_LOOKUP_FLEET) {
        ngx_image_lookup_outage_serve(lookup);
    }

    return NGX_AGAIN;
}


void
ngx_image_lookup_refused(ngx_image_resolver_t *resolver,
    image_reference_t *reference, image_reason_e reason, ngx_log_t *log)
{
    const char      *name;
    image_str_t      parts[3];
    ngx_image_id_t   id;

    static const image_str_t  kind = image_str("refused");

    name = image_reason_name(reason);

    parts[0] = kind;
    parts[1].data = (u_char *) name;
    parts[1].len = ngx_strlen(name);
    parts[2].data = reference->text;
    parts[2].len = reference->len;

    if (image_hash(id.hash, parts, 3) != 0) {
        return;
    }

    if (!ngx_image_zone_mark(resolver->zone, &id)) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "image digest: \"%*s\": %s, resolver \"%V\", registry "
                  "\"%*s\": %s",
                  reference->len, reference->text, name, &resolver->name,
                  reference->domain.len, reference->domain.data,
                  image_reason_advice(reason));
}


ngx_image_lookup_t *
ngx_image_lookup_find(ngx_image_resolver_t *resolver, ngx_image_id_t *id)
{
    ngx_rbtree_key_t     key;
    ngx_rbtree_node_t   *node, *sentinel;
    ngx_image_lookup_t  *lookup;

    ngx_memcpy(&key, id->hash, sizeof(ngx_rbtree_key_t));

    node = resolver->lookups.root;
    sentinel = resolver->lookups.sentinel;

    while (node != sentinel) {

        if (key != node->key) {
            node = (key < node->key) ? node->left : node->right;
            continue;
        }

        lookup = (ngx_image_lookup_t *) node;

        if (ngx_memcmp(lookup->question.subject.id.hash, id->hash,
                       IMAGE_HASH)
            == 0)
        {
            return lookup;
        }

        /* equal keys of other identities are inserted to the right */

        node = node->right;
    }

    return NULL;
}


/* NULL: no memory */

static ngx_image_lookup_t *
ngx_image_lookup_create(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question)
{
    ngx_log_t             *log;
    ngx_str_t              repository;
    ngx_pool_t            *pool;
    ngx_image_lookup_t    *lookup;
    ngx_image_question_t  *copy;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    lookup = ngx_pcalloc(pool, sizeof(ngx_image_lookup_t));
    if (lookup == NULL) {
        goto failed;
    }

    log = ngx_palloc(pool, sizeof(ngx_log_t));
    if (log == NULL) {
        goto failed;
    }

    *log = *ngx_cycle->log;
    log->handler = ngx_image_lookup_log_error;
    log->data = lookup;
    log->action = "resolving an image";

    pool->log = log;

    lookup->pool = pool;
    lookup->log = log;
    lookup->resolver = resolver;

    copy = &lookup->question;
    *copy = *question;

    copy->reference = ngx_palloc(pool, sizeof(image_reference_t));
    copy->platform = ngx_palloc(pool, sizeof(image_platform_t));

    if (copy->reference == NULL || copy->platform == NULL) {
        goto failed;
    }

    image_reference_copy(copy->reference, question->reference);

    /* the domain and the path, which the text begins with */

    repository.data = copy->reference->text;
    repository.len = copy->reference->domain.len + 1
                     + copy->reference->path.len;

    *copy->platform = *question->platform;

    if (question->pod.len) {
        copy->pod.data = ngx_pstrdup(pool, &question->pod);
        if (copy->pod.data == NULL) {
            goto failed;
        }
    }

    if (ngx_image_lookup_identify(copy, pool) != NGX_OK
        || ngx_image_lookup_derive(&lookup->lease_id, "lease", NULL,
                                   &copy->subject.id)
           != NGX_OK
        || ngx_image_lookup_derive(&lookup->outage_id, "outage", NULL,
                                   &copy->subject.limit_id)
           != NGX_OK
        || ngx_image_lookup_derive(&lookup->repository_id, "repository",
                                   &repository, &copy->subject.limit_id)
           != NGX_OK
        || ngx_image_lookup_derive(&lookup->probe_ids[0], "probe", NULL,
                                   &lookup->outage_id)
           != NGX_OK
        || ngx_image_lookup_derive(&lookup->probe_ids[1], "probe", NULL,
                                   &lookup->repository_id)
           != NGX_OK)
    {
        goto failed;
    }

    ngx_queue_init(&lookup->waiters);

    lookup->timer.handler = ngx_image_lookup_timer_handler;
    lookup->timer.data = lookup;
    lookup->timer.log = log;

    /* those who wait have timers that a graceful exit waits for */

    lookup->timer.cancelable = 1;

    lookup->owner = ngx_image_lookup_owner();

    ngx_memcpy(&lookup->node.key, copy->subject.id.hash,
               sizeof(ngx_rbtree_key_t));

    ngx_rbtree_insert(&resolver->lookups, &lookup->node);

    return lookup;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


ngx_int_t
ngx_image_lookup_derive(ngx_image_id_t *id, const char *kind, ngx_str_t *name,
    ngx_image_id_t *from)
{
    image_str_t  parts[3];

    parts[0].data = (u_char *) kind;
    parts[0].len = ngx_strlen(kind);
    parts[1].data = name ? name->data : (u_char *) "";
    parts[1].len = name ? name->len : 0;
    parts[2].data = from->hash;
    parts[2].len = IMAGE_HASH;

    return image_hash(id->hash, parts, 3) == 0 ? NGX_OK : NGX_ERROR;
}


/* a number that no other lookup on this host has */

static uint64_t
ngx_image_lookup_owner(void)
{
    static uint32_t  n;

    return (uint64_t) ngx_pid << 32 | ++n;
}


/* "NODE/PID/NUMBER-RANDOM", as people who look at Redis see it */

void
ngx_image_lookup_token(ngx_image_lookup_t *lookup)
{
    u_char                *p;
    ngx_image_resolver_t  *resolver;

    static ngx_uint_t  n;

    resolver = lookup->resolver;

    p = ngx_snprintf(lookup->token_data, NGX_IMAGE_SHARED_TOKEN,
                     "%V/%P/%ui-%*s", &resolver->node, ngx_pid, ++n,
                     sizeof(resolver->random), resolver->random);

    lookup->token.data = lookup->token_data;
    lookup->token.len = p - lookup->token_data;
}


void
ngx_image_lookup_done(ngx_image_lookup_t *lookup)
{
    if (lookup->timer.timer_set) {
        ngx_del_timer(&lookup->timer);
    }

    if (lookup->listed) {
        ngx_queue_remove(&lookup->queue);
    }

    ngx_image_lookup_probe_done(lookup);
    ngx_image_lookup_release_fleet(lookup, NULL);
    ngx_image_lookup_release(lookup);

    ngx_rbtree_delete(&lookup->resolver->lookups, &lookup->node);

    ngx_destroy_pool(lookup->pool);
}


/*
 * Rule 7: a digest past so much of the TTL is used at once, and a lookup
 * that nobody waits for renews it; not while the last one failed.  It is put
 * off by up to half of what is left, so that what was learnt together is not
 * renewed together.
 */

static void
ngx_image_lookup_renew(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question, ngx_image_waiter_t *w,
    image_observation_t *o, image_moment_t *now)
{
    int64_t              due, spread;
    ngx_image_lookup_t  *lookup;

    due = w->ttl / 100 * resolver->refresh;

    if (due == 0 || w->age < due) {
        return;
    }

    if (o->failure != IMAGE_OK
        && image_usable(&o->failure_at, ngx_min(w->ttl,
                                                resolver->negative_ttl),
                        now, now))
    {
        return;
    }

    if ((!(question->engine->type->flags & NGX_IMAGE_ENGINE_PULL)
         && ngx_image_lookup_limited(resolver, &question->subject.limit_id,
                                     now))
        || ngx_image_lookup_find(resolver, &question->subject.id))
    {
        return;
    }

    lookup = ngx_image_lookup_create(resolver, question);
    if (lookup == NULL) {
        return;
    }

    lookup->renewal = due;

    spread = ngx_min((w->ttl - w->age) / 2000, NGX_IMAGE_LOOKUP_SPREAD);

    ngx_image_lookup_tick(lookup,
                          (ngx_msec_t) ngx_random() % (spread + 1) + 1);
}


static u_char *
ngx_image_lookup_log_error(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char              *p;
    ngx_image_lookup_t  *lookup;

    lookup = log->data;

    p = ngx_snprintf(buf, len, " while %s", log->action);
    len -= p - buf;
    buf = p;

    return ngx_snprintf(buf, len, ", resolver: \"%V\", image: \"%V\"",
                        &lookup->resolver->name,
                        &lookup->question.subject.reference);
}
