import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { bindingKind } from '../src/config/bindings.ts'
import { type Config, ConfigError, describeBackends, parseConfig } from '../src/config/config.ts'
import { custom, http, kv, type Options, parseOptions, placeholder, r2, s3 } from '../src/options.ts'
import { memoryBackend } from './kit/memory.ts'

const SECRETS = { ACCESS_KEY_ID: 'AKID', SECRET_ACCESS_KEY: 'very secret' }
const KEY = 'a signing key of more than 32 characters'

/** Everything of a configuration that can be compared. */
function readable(config: Config) {
  const { services, tokens, s3Keys, eventsSecret, urlSigner } = config
  // The name of a secret is made up for options.
  const backends = describeBackends(config).map((settings) => ({ ...settings, credentials_from: '' }))
  return {
    ...config,
    backends,
    services: Object.keys(services),
    tokens,
    s3Keys,
    eventsSecret,
    signs: urlSigner !== undefined,
  }
}

describe('options', () => {
  it('are the configuration that variables of the same names are', () => {
    const options = parseOptions(
      {
        storages: [
          r2(env.MEDIA, { name: 'first', publicUrl: 'https://cdn.example/', mirror: false }),
          kv(env.MEDIA_KV, { readOnly: true, include: ['^a/', '^b/'] }),
          s3({
            endpoint: 'https://s3.example',
            bucket: 'old',
            credentials: { accessKeyId: 'AKID', secretAccessKey: 'very secret' },
            absentStatuses: [403, 404],
          }),
          http(new URL('https://www.example/media'), {
            name: 'www',
            headers: { 'X-Key': '$plain' },
            timeoutMs: 500,
          }),
          placeholder(),
        ],
        migration: true,
        keepReplacedDays: '7',
        mediaPath: '/media/',
        mediaAccess: 'signed',
        mediaCorsOrigins: ['https://a.example', 'https://b.example'],
        breakerSeconds: 1.5,
        apiToken: 'a-token',
        apiTokens: [{ name: 'ci', token: 'another-token-of-ci', scopes: ['read', 'write'] }],
        s3Bucket: 'media',
        s3Keys: [{ accessKeyId: 'backup', secretAccessKey: 'secret-of-the-backup', scopes: ['read'] }],
        urlSigningKeys: [{ id: '2026', key: KEY }],
        eventsSecret: 'x'.repeat(24),
        s3Host: undefined,
      },
      env,
    )
    const bindings = Object.entries(env).filter(([, value]) => bindingKind(value) !== undefined)
    const variables = parseConfig({
      ...Object.fromEntries(bindings),
      OLD_ACCESS_KEY_ID: SECRETS.ACCESS_KEY_ID,
      OLD_SECRET_ACCESS_KEY: SECRETS.SECRET_ACCESS_KEY,
      PLAIN: '$plain',
      FALLBACK_STORAGES: [
        { type: 'r2', binding: 'MEDIA', name: 'first', public_url: 'https://cdn.example/', mirror: false },
        { type: 'kv', binding: 'MEDIA_KV', read_only: true, include: ['^a/', '^b/'] },
        {
          type: 's3',
          endpoint: 'https://s3.example',
          bucket: 'old',
          credentials: 'OLD',
          absent_statuses: [403, 404],
        },
        {
          type: 'http',
          url: 'https://www.example/media',
          name: 'www',
          headers: { 'X-Key': '$PLAIN' },
          timeout_ms: 500,
        },
        { type: 'placeholder' },
      ],
      FALLBACK_DATA_MIGRATION: 'true',
      FALLBACK_KEEP_REPLACED_DAYS: 7,
      MEDIA_PATH: '/media/',
      MEDIA_ACCESS: 'signed',
      MEDIA_CORS_ORIGINS: 'https://a.example, https://b.example',
      FALLBACK_BREAKER_SECONDS: '1.5',
      API_TOKEN: 'a-token',
      API_TOKENS: [{ name: 'ci', token: 'another-token-of-ci', scopes: ['read', 'write'] }],
      S3_BUCKET: 'media',
      S3_KEYS: [{ access_key_id: 'backup', secret_access_key: 'secret-of-the-backup', scopes: ['read'] }],
      URL_SIGNING_KEYS: [{ id: '2026', key: KEY }],
      EVENTS_SECRET: 'x'.repeat(24),
    })
    expect(readable(options)).toEqual(readable(variables))
    const [, , old, www] = options.backends
    expect(old).toHaveProperty('credentials', { accessKeyId: 'AKID', secretAccessKey: 'very secret' })
    expect(www).toHaveProperty('headers', { 'x-key': '$plain' })
  })

  it('are not read from variables and secrets of the Worker', () => {
    const foreign = {
      ...env,
      API_TOKEN: 'of something else',
      MEDIA_PATHS: 'a name that is almost ours',
      S3_KEYS: '[',
    }
    const { tokens, s3Keys } = parseOptions({ storages: [r2(env.MEDIA)] }, foreign)
    expect([tokens, s3Keys]).toEqual([[], []])
  })

  it.each<[string, () => unknown, string]>([
    ['no storages', () => ({}), 'storages: is missing: list the backends'],
    [
      'an empty chain',
      () => ({ storages: [] }),
      'storages: is empty: list at least one backend, e.g. storages: [r2(env.MEDIA)]',
    ],
    [
      'an unknown option',
      () => ({ storages: [r2(env.MEDIA)], migrations: true }),
      'migrations: is unknown; did you mean `migration`?',
    ],
    ['a far option', () => ({ storages: [r2(env.MEDIA)], colour: 1 }), 'colour: is unknown; remove it'],
    [
      'a value',
      () => ({ storages: [r2(env.MEDIA)], breakerSeconds: -1 }),
      'breakerSeconds: must be a number of seconds from 0.1 to 3600',
    ],
    [
      'a setting',
      () => ({ storages: [r2(env.MEDIA, { timeoutMs: 0 })] }),
      'storages[0] "media" `timeoutMs`: must be a whole number',
    ],
    [
      'an unknown setting',
      () => ({ storages: [{ ...r2(env.MEDIA), readonly: true }] }),
      'storages[0] "media" `readonly`: is unknown; did you mean `readOnly`?',
    ],
    [
      'another type’s setting',
      () => ({ storages: [{ ...r2(env.MEDIA), checkType: true }] }),
      '`checkType`: is not for r2 backends, only for http; remove it',
    ],
    [
      'no binding',
      () => ({ storages: [r2((env as unknown as { NONE: R2Bucket }).NONE)] }),
      'storages[0] "r2" `binding`: is missing: set it to the binding of an R2 bucket; use `MEDIA`, or add one',
    ],
    [
      'a binding of another kind',
      () => ({ storages: [r2(env.MEDIA_KV as unknown as R2Bucket)] }),
      '`binding`: `MEDIA_KV` is a KV namespace, not an R2 bucket; use `MEDIA`',
    ],
    [
      'an object that is no binding',
      () => ({ storages: [kv({} as KVNamespace)] }),
      '`binding`: it is a variable or secret, not a KV namespace',
    ],
    [
      'no secret',
      () => ({
        storages: [
          s3({
            endpoint: 'https://s3.example',
            bucket: 'a',
            credentials: { accessKeyId: 'a', secretAccessKey: undefined as never },
          }),
        ],
      }),
      '`credentials`: `secretAccessKey` is not set',
    ],
    [
      'a secret with a line break',
      () => ({ storages: [http('https://www.example/', { basicAuth: 'a:b\n' })] }),
      '`basicAuth`: ',
    ],
    [
      'a header',
      () => ({ storages: [http('https://www.example/', { headers: { 'X-Key': 'a\n' } })] }),
      '`headers.X-Key`: the value contains a line break',
    ],
    [
      'a URL with a query',
      () => ({ storages: [http('https://www.example/?a')] }),
      '`url`: must not contain a query or fragment',
    ],
    [
      'the same name',
      () => ({ storages: [r2(env.MEDIA), kv(env.MEDIA_KV, { name: 'media' })] }),
      '`name`: is already the name of storages[0]',
    ],
    [
      'an object that is no backend',
      () => ({ storages: [{ get: () => null }] }),
      'storages: a backend of your own needs a `name`, and the methods `get` and `head`',
    ],
    [
      'an unknown type',
      () => ({ storages: [{ type: 'custom' }] }),
      '`type`: must be "r2", "kv", "s3", "http" or "placeholder"',
    ],
    ['a-token', () => ({ storages: [r2(env.MEDIA)], apiToken: 'a b' }), 'apiToken: must be a bearer token'],
    [
      'a signed deployment without keys',
      () => ({ storages: [r2(env.MEDIA)], mediaAccess: 'signed' }),
      'urlSigningKeys: is not set, and mediaAccess = "signed" needs it',
    ],
    [
      'a key of S3 clients',
      () => ({ storages: [r2(env.MEDIA)], s3Keys: [{ accessKeyId: 'backup', scopes: ['read'] }] }),
      's3Keys[0] `secretAccessKey`: is missing',
    ],
  ])('name %s and the fix in their own words', (_, options, expected) => {
    const messageOf = (): string => {
      try {
        parseOptions(options() as Options, env)
      } catch (error) {
        if (error instanceof ConfigError) return error.message
        throw error
      }
      return 'no mistake'
    }
    const message = messageOf()
    expect(message).toContain(expected)
    expect(message).not.toMatch(/STORAGES_|FALLBACK_/)
  })

  it('accept a backend of the Worker itself, with the settings that all have', () => {
    const own = memoryBackend('own')
    const { backends } = parseOptions(
      { storages: [r2(env.MEDIA), own, custom(own, { name: 'second', prefix: 'a/', readOnly: true })] },
      env,
    )
    expect(backends.slice(1)).toMatchObject([
      { type: 'custom', name: 'own', readOnly: false, prefix: '' },
      { type: 'custom', name: 'second', readOnly: true, prefix: 'a/' },
    ])
  })
})
