import { env as bound } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { describeBackends, parseConfig } from '../src/config/config.ts'
import { BEGINNERS_MISTAKES, varsOf } from './config-mistakes/beginners.ts'
import { bindingMistakes } from './config-mistakes/bindings.ts'
import { chainMistakes } from './config-mistakes/chain.ts'
import { credentialMistakes } from './config-mistakes/credentials.ts'
import { keyMistakes } from './config-mistakes/keys.ts'
import { mirrorMistakes } from './config-mistakes/mirrors.ts'
import { originMistakes } from './config-mistakes/origins.ts'
import { bindings, errorOf, http, kv, r2, s3, withVars } from './config-mistakes/samples.ts'
import { s3KeyMistakes } from './config-mistakes/s3-keys.ts'
import { signingKeyMistakes } from './config-mistakes/signing-keys.ts'
import { substituteMistakes } from './config-mistakes/substitutes.ts'
import { variableMistakes } from './config-mistakes/variables.ts'

describe('a configuration with one mistake', () => {
  it.each([
    ...chainMistakes,
    ...keyMistakes,
    ...originMistakes,
    ...bindingMistakes,
    ...variableMistakes,
    ...signingKeyMistakes,
    ...credentialMistakes,
    ...s3KeyMistakes,
    ...mirrorMistakes,
    ...substituteMistakes,
  ])('names the place, the key and the fix for %s', (_title, env, ...says) => {
    const { message, mistakes } = errorOf(env)
    for (const part of says) expect(message).toContain(part)
    expect(mistakes).toHaveLength(1)
    expect(message).not.toMatch(/hush-hush|AKIA/)
  })
})

describe('a beginner’s mistake', () => {
  it.each(BEGINNERS_MISTAKES.filter(({ inWorker }) => inWorker))(
    'is one message with the fix: $title',
    (mistake) => {
      const { withoutSecrets = [], says } = mistake
      const without = Object.fromEntries(withoutSecrets.map((name) => [name, undefined]))
      const { message, mistakes } = errorOf({ ...bindings, ...without, ...varsOf(mistake) })
      for (const part of says) expect(message).toContain(part)
      expect(mistakes).toHaveLength(1)
    },
  )
})

describe('a configuration with many mistakes', () => {
  it('is one error that lists them all', () => {
    const tables = [
      { type: 'r2', binding: 'MEDAI', prefix: '/x' },
      { ...s3, endpoint: 'nowhere', regoin: 'eu', credentials: 'OLD', timeout_ms: 'soon' },
      { type: 'ftp' },
    ]
    const { message, mistakes } = errorOf({
      ...bindings,
      FALLBACK_STORAGES: tables,
      MEDIA_PATH: 'x',
      FALLBACK_DELETES: 1,
    })
    expect(mistakes.map(({ variable, entry, key }) => [variable, entry?.index, key])).toEqual([
      ['FALLBACK_STORAGES', 0, 'prefix'],
      ['FALLBACK_STORAGES', 0, 'binding'],
      ['FALLBACK_STORAGES', 1, 'regoin'],
      ['FALLBACK_STORAGES', 1, 'timeout_ms'],
      ['FALLBACK_STORAGES', 1, 'endpoint'],
      ['FALLBACK_STORAGES', 1, 'credentials'],
      ['FALLBACK_STORAGES', 1, 'credentials'],
      ['FALLBACK_STORAGES', 2, 'type'],
      ['FALLBACK_DELETES', undefined, undefined],
      ['MEDIA_PATH', undefined, undefined],
    ])
    expect(message).toMatch(/^The configuration has 10 mistakes:\n- FALLBACK_STORAGES\[0\] "medai" `prefix`/)
  })
})

describe('a good configuration', () => {
  const full = [
    { ...r2, public_url: 'https://cdn.example.com' },
    { ...kv, read_only: true, prefix: 'media/', include: '\\.jpg$', exclude: ['^tmp/', '~$'] },
    {
      ...s3,
      credentials: 'LEGACY',
      region: 'eu-central-1',
      absent_statuses: [403, 404],
      timeout_ms: 500,
      hedge_ms: 100,
      egress_usd_per_gb: 0.05,
    },
    {
      ...http,
      name: 'origin',
      headers: { 'X-Key': '$LEGACY_SECRET_ACCESS_KEY', Accept: 'image/*' },
      check_type: false,
    },
    { type: 'http', binding: 'ASSETS' },
  ]

  it('gets the defaults', () => {
    const config = parseConfig({ ...bindings, FALLBACK_STORAGES: [r2] })
    expect(config).toEqual({
      backends: [
        {
          type: 'r2',
          name: 'media',
          binding: 'MEDIA',
          readOnly: false,
          prefix: '',
          timeoutMs: 10_000,
          idleTimeoutMs: 30_000,
        },
      ],
      migration: false,
      deletes: 'tombstone',
      mediaPath: '/',
      mediaAccess: 'public',
      cacheControl: 'public, max-age=3600',
      edgeCacheSeconds: 0,
      corsOrigins: null,
      speculativePercent: 5,
      shadowPercent: 0,
      verifyPerSecond: 100,
      repair: 'report',
      keepReplacedDays: 0,
      inlineMaxBytes: 16_777_216,
      negativeCacheSeconds: 2,
      breaker: { failures: 5, seconds: 5 },
      logReadsPerSecond: 20,
    })
    expect(config.tokens).toEqual([])
  })

  it('is the same as TOML tables and as a JSON string', () => {
    const fromToml = parseConfig({ ...bindings, FALLBACK_STORAGES: full })
    const fromJson = parseConfig({ ...bindings, FALLBACK_STORAGES: JSON.stringify(full) })
    expect(fromJson).toEqual(fromToml)
    expect(fromToml.backends.map(({ name, type, readOnly }) => [name, type, readOnly])).toEqual([
      ['media', 'r2', false],
      ['media_kv', 'kv', true],
      ['legacy', 's3', true],
      ['origin', 'http', true],
      ['assets', 'http', true],
    ])
  })

  it('accepts every value as a string, as wrangler dev --var passes it', () => {
    const strings = {
      ...bindings,
      FALLBACK_STORAGES:
        '[{"type":"s3","endpoint":"http://127.0.0.1:9000","bucket":"b","read_only":"false","timeout_ms":"250","absent_statuses":["403","404"]}]',
      FALLBACK_DATA_MIGRATION: 'true',
      FALLBACK_INLINE_MAX_BYTES: '0',
      FALLBACK_NEGATIVE_CACHE_SECONDS: '0.5',
      MEDIA_PATH: '/media/',
      MEDIA_MAX_UPLOAD_BYTES: '1000',
      MEDIA_CORS_ORIGINS: 'https://a.example, http://localhost:8000',
      API_TOKEN: 'dev',
    }
    const config = parseConfig(strings)
    expect(config).toMatchObject({
      backends: [
        {
          name: 's3',
          endpoint: 'http://127.0.0.1:9000/',
          readOnly: false,
          timeoutMs: 250,
          absentStatuses: [403, 404],
        },
      ],
      migration: true,
      inlineMaxBytes: 0,
      negativeCacheSeconds: 0.5,
      mediaPath: '/media/',
      maxUploadBytes: 1000,
      corsOrigins: ['https://a.example', 'http://localhost:8000'],
    })
    expect(config.tokens).toEqual([{ name: 'API_TOKEN', token: 'dev', scope: 'admin' }])
  })

  it('treats an empty variable as not set', () => {
    const config = parseConfig(
      withVars({ MEDIA_URL: '', API_TOKEN: '', MEDIA_PATH: '', FALLBACK_DATA_MIGRATION: '' }),
    )
    expect(config).toMatchObject({ mediaPath: '/', migration: false })
    expect(config.tokens).toEqual([])
    expect(config.mediaUrl).toBeUndefined()
  })

  it.each([
    ['my-team.cloudflareaccess.com', 'https://my-team.cloudflareaccess.com'],
    ['https://my-team.cloudflareaccess.com', 'https://my-team.cloudflareaccess.com'],
    ['https://My-Team.cloudflareaccess.com/', 'https://my-team.cloudflareaccess.com'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['', undefined],
  ])('takes %j as the team domain of Cloudflare Access', (domain, issuer) => {
    const audience = 'a'.repeat(64)
    const config = parseConfig(withVars({ ACCESS_AUDIENCE: audience, ACCESS_TEAM_DOMAIN: domain }))
    expect(config.cloudflareAccess).toEqual({ audience, issuer })
  })

  it.each([
    { endpoint: 'https://old-media.example.com' },
    { endpoint: 'https://s3.eu-central-1.amazonaws.com' },
    { endpoint: 'https://s3.eu-central-1.amazonaws.com', credentials: 'LEGACY', region: 'eu-central-1' },
    { endpoint: 'https://s3.amazonaws.com.example.com', credentials: 'LEGACY' },
  ])('may have the S3 endpoint $endpoint with the credentials $credentials', (keys) => {
    expect(
      parseConfig(withVars({ ...bindings, FALLBACK_STORAGES: [{ ...s3, ...keys }] })).backends,
    ).toHaveLength(1)
  })

  it('may contain other variables', () => {
    const own = { MEDIA_KEY: 'x', MEDIA_ARN: 'x', APP_TOKEN: 'x', FALLBACK_LANGUAGE: 'en', DEBUG: true }
    expect(parseConfig(withVars(own)).backends).toHaveLength(1)
  })

  it('matches a name that any of the patterns matches', () => {
    const [, media] = parseConfig({ ...bindings, FALLBACK_STORAGES: full }).backends
    expect(['tmp/a', 'a~', 'a/tmp/b'].map((name) => media?.exclude?.test(name))).toEqual([true, true, false])
  })

  it('reads secrets and bindings, and prints neither', () => {
    const config = parseConfig({ ...bindings, FALLBACK_STORAGES: full, API_TOKEN: 'hush-hush' })
    const [media, , legacy, origin, assets] = config.backends
    expect(media).toHaveProperty('bucket', bound.MEDIA)
    expect(legacy).toHaveProperty('credentials', {
      accessKeyId: 'id-of-legacy',
      secretAccessKey: 'hush-hush',
    })
    expect(origin).toHaveProperty('headers', { 'x-key': 'hush-hush', accept: 'image/*' })
    expect(assets).toHaveProperty('fetcher', bindings.ASSETS)
    expect(JSON.stringify(config)).not.toMatch(/hush-hush|id-of-legacy/)
  })

  it('reads tokens from JSON or tables, each with its largest scope, and prints none', () => {
    const list = [
      { name: 'ci', token: 'hush-hush-hush-hush', scopes: ['write', 'read'] },
      { name: 'team', token: 'hush-hush-hush-hush-2', scopes: ['read'], prefix: 'team/' },
    ]
    for (const given of [list, JSON.stringify(list)]) {
      const config = parseConfig(withVars({ API_TOKEN: 'hush-hush', API_TOKENS: given }))
      expect(config.tokens).toEqual([
        { name: 'API_TOKEN', token: 'hush-hush', scope: 'admin' },
        { name: 'ci', token: 'hush-hush-hush-hush', scope: 'write' },
        { name: 'team', token: 'hush-hush-hush-hush-2', scope: 'read', prefix: 'team/' },
      ])
      expect(JSON.stringify(config)).not.toContain('hush')
    }
  })

  it.each(['', '[]', []])('may have no tokens: %j', (given) => {
    expect(parseConfig(withVars({ API_TOKENS: given })).tokens).toEqual([])
  })

  it('reads a session token if there is one', () => {
    const secrets = { ...bindings, LEGACY_SESSION_TOKEN: 'brief' }
    const config = parseConfig({ ...secrets, FALLBACK_STORAGES: [{ ...s3, credentials: 'LEGACY' }] })
    expect(config.backends[0]).toHaveProperty('credentials.sessionToken', 'brief')
  })

  it('is described without its secrets', () => {
    const described = describeBackends(parseConfig({ ...bindings, FALLBACK_STORAGES: full }))
    expect(described[1]).toEqual({
      name: 'media_kv',
      type: 'kv',
      binding: 'MEDIA_KV',
      read_only: true,
      prefix: 'media/',
      include: '\\.jpg$',
      exclude: '(?:^tmp\\/)|(?:~$)',
      timeout_ms: 10_000,
      idle_timeout_ms: 30_000,
    })
    expect(described[2]).toMatchObject({
      name: 'legacy',
      endpoint: 'https://s3.example.com/',
      credentials_from: 'LEGACY',
      egress_usd_per_gb: 0.05,
    })
    expect(described[3]).toMatchObject({ name: 'origin', header_names: ['x-key', 'accept'] })
    expect(JSON.stringify(described)).not.toMatch(/hush-hush|id-of-legacy|image/)
  })
})
