import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { parseEnv } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { unstable_readConfig } from 'wrangler'
import { checkConfig } from '../../src/cli/check-config/check-config.ts'
import { run } from '../../src/cli/program.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { CREDENTIALS, type LocalS3, startS3 } from '../kit/servers/s3.ts'
import { createCli, type Ran, records } from './run.ts'

let folder: string
const servers: Server[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'init-'))
})

afterEach(async () => {
  await Promise.all(servers.splice(0).map(close))
  await rm(folder, { recursive: true, force: true })
})

const cli = createCli('')

/** Without a terminal. */
function init(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  return cli(['init', '--dir', folder, ...args], { env })
}

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  servers.push(server)
  return listen(server)
}

function missing(): Promise<string> {
  return serve((_, response) => response.writeHead(404).end())
}

const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8')

/** The written chain, as wrangler reads it. */
function chain(): Record<string, unknown>[] {
  const { vars } = unstable_readConfig({ config: join(folder, 'wrangler.toml') })
  return vars['FALLBACK_STORAGES'] as Record<string, unknown>[]
}

describe('the written files', () => {
  it('are the bindings, objects, queues and schedules of the package, with the given chain', async () => {
    const url = await missing()
    expect((await init(['--from', url, '--bucket', 'our-media', '--yes'])).code).toBe(0)
    const own = unstable_readConfig({ config: 'wrangler.toml' })
    const written = unstable_readConfig({ config: join(folder, 'wrangler.toml') })
    for (const key of [
      'name',
      'compatibility_date',
      'compatibility_flags',
      'queues',
      'durable_objects',
      'migrations',
      'triggers',
      'observability',
      'cache',
      'exports',
      'minify',
    ] as const)
      expect(written[key], key).toEqual(own[key])
    expect(written.r2_buckets).toMatchObject([{ binding: 'MEDIA', bucket_name: 'our-media' }])
    expect(written.kv_namespaces).toEqual([])
    expect(written.vars).toEqual({
      FALLBACK_STORAGES: [
        { type: 'r2', binding: 'MEDIA' },
        { type: 'http', name: 'production', url },
      ],
      FALLBACK_DATA_MIGRATION: false,
    })
    expect(written.main).toBe(join(folder, 'node_modules/fallback-storage/dist/worker/index.js'))
    expect(written.assets).toEqual({ ...own.assets, directory: 'node_modules/fallback-storage/dist/assets' })
    expect(await text('wrangler.toml')).not.toMatch(/^\[+(?:env|build)/m)
  })

  it('begin with what people change', async () => {
    await init(['--from', 'https://www.shop.test/media', '--migrate', '--no-check', '--yes'])
    const [, variables] = (await text('wrangler.toml')).split('\n\n')
    expect(variables).toBe(
      `[vars]
# The backends, in the order in which they are tried. The first takes uploads; the others are only read.
FALLBACK_STORAGES = [
  { type = "r2", binding = "MEDIA" },
  { type = "http", name = "legacy", url = "https://www.shop.test/media/" },
]
# Whether what is read from another backend is copied to the first.
FALLBACK_DATA_MIGRATION = true`,
    )
  })

  it.for([
    { args: ['--from', 'https://www.shop.test/media/'] },
    { args: ['--from', 'https://www.shop.test/media/', '--placeholder'] },
    {
      args: ['--from', 'https://www.shop.test/media/', '--migrate'],
      env: { LEGACY_BASIC_AUTH: 'editor:pass word' },
    },
    {
      args: [
        '--s3',
        'https://s3.eu-central-1.amazonaws.com',
        '--s3-bucket',
        'old',
        '--s3-region',
        'eu-central-1',
      ],
      env: { AWS_ACCESS_KEY_ID: 'ID', AWS_SECRET_ACCESS_KEY: 'a/b+c' },
    },
    {
      args: [
        '--from',
        'https://www.shop.test/',
        '--s3',
        'https://storage.test',
        '--s3-bucket',
        'old',
        '--s3-region',
        'eu-central-1',
        '--s3-addressing',
        'virtual',
      ],
    },
  ])('are what the Worker accepts: $args', async ({ args, env = {} }) => {
    expect((await init([...args, '--no-check', '--yes'], env)).code).toBe(0)
    const checks = []
    const listSecrets = async () => ({ unknown: 'not deployed' })
    for await (const check of checkConfig({ file: join(folder, 'wrangler.toml'), listSecrets }))
      checks.push(check)
    expect(checks).toContainEqual(expect.objectContaining({ name: 'configuration', status: 'ok' }))
    expect(checks.filter(({ status }) => status === 'failed')).toEqual([])
  })

  it('have a new token each time, readable by their owner only', async () => {
    const args = ['--from', 'https://www.shop.test/', '--no-check', '--yes']
    const tokens = []
    for (const more of [[], ['--force']]) {
      const { stdout, stderr } = await init([...args, ...more])
      const { API_TOKEN: token = '' } = parseEnv(await text('.dev.vars'))
      expect(token).toMatch(/^[\w-]{32}$/)
      expect(stdout + stderr).not.toContain(token)
      tokens.push(token)
    }
    expect(new Set(tokens).size).toBe(2)
    if (process.platform !== 'win32') expect((await stat(join(folder, '.dev.vars'))).mode & 0o777).toBe(0o600)
  })

  it('hold credentials as they are, which are never printed', async () => {
    const env = {
      LEGACY_ACCESS_KEY_ID: 'KEY',
      LEGACY_SECRET_ACCESS_KEY: `it's $HOME\\n#1`,
      AWS_ACCESS_KEY_ID: 'no',
    }
    const args = ['--s3', 'https://s3.test', '--s3-bucket', 'old', '--migrate', '--no-check', '--yes']
    const { stdout, stderr } = await init(args, env)
    expect(stdout + stderr).not.toMatch(/KEY|HOME/)
    expect(parseEnv(await text('.dev.vars'))).toMatchObject({
      LEGACY_ACCESS_KEY_ID: 'KEY',
      LEGACY_SECRET_ACCESS_KEY: `it's $HOME\\n#1`,
    })
    expect(await text('wrangler.toml')).not.toMatch(/HOME/)
    expect(chain()[1]).toMatchObject({ credentials: 'LEGACY' })
  })

  it('hold keys of one set only', async () => {
    const aws = { AWS_ACCESS_KEY_ID: 'AWS', AWS_SECRET_ACCESS_KEY: 'aws', AWS_SESSION_TOKEN: 'session' }
    const args = [
      '--s3',
      'https://s3.test',
      '--s3-bucket',
      'old',
      '--migrate',
      '--no-check',
      '--yes',
      '--force',
    ]
    const written = async (env: Record<string, string>) => {
      await init(args, env)
      const { API_TOKEN: _, ...keys } = parseEnv(await text('.dev.vars'))
      return keys
    }
    expect(await written(aws)).toEqual({
      LEGACY_ACCESS_KEY_ID: 'AWS',
      LEGACY_SECRET_ACCESS_KEY: 'aws',
      LEGACY_SESSION_TOKEN: 'session',
    })
    const own = { LEGACY_ACCESS_KEY_ID: 'OWN', LEGACY_SECRET_ACCESS_KEY: 'own' }
    expect(await written({ ...aws, ...own })).toEqual(own)
    const half = await init(args, { ...aws, LEGACY_ACCESS_KEY_ID: 'OWN' })
    expect(half.stderr).toContain('LEGACY_SECRET_ACCESS_KEY is not set')
  })

  it('are added to .gitignore once', async () => {
    await writeFile(join(folder, '.gitignore'), 'dist\n/node_modules/')
    const args = ['--from', 'https://www.shop.test/', '--no-check', '--yes']
    await init(args)
    await init([...args, '--force'])
    expect(await text('.gitignore')).toBe('dist\n/node_modules/\n.dev.vars\n.wrangler\n')
  })
})

describe('refuses', () => {
  it.for([
    { args: ['--from', 'https://www.shop.test/'], says: 'give --yes, and --from URL or --s3 ENDPOINT' },
    { args: ['--yes'], says: 'where are the media now? Give --from URL' },
    {
      args: ['--from', 'www.example.com', '--yes'],
      says: '--from must be an absolute http:// or https:// URL',
    },
    {
      args: ['--from', 'https://u:p@example.com/', '--yes'],
      says: 'must not contain a user name or password',
    },
    { args: ['--s3', 'https://s3.test', '--yes'], says: '--s3 needs --s3-bucket' },
    { args: ['--s3', 's3.example.com', '--s3-bucket', 'old', '--yes'], says: '--s3 must be an absolute' },
    {
      args: ['--s3', 'https://s3.test', '--s3-bucket', 'a/b', '--yes'],
      says: '--s3-bucket must be a bucket',
    },
    {
      args: ['--s3', 'https://e.com', '--s3-bucket', 'old', '--s3-region', 'a b', '--yes'],
      says: '--s3-region',
    },
    { args: ['--from', 'https://e.com/', '--bucket', 'My_Media', '--yes'], says: '--bucket must be 3 to 63' },
  ])('$args: $says', async ({ args, says }) => {
    const { code, stderr } = await init(args)
    expect(stderr).toContain(says)
    expect(code).toBe(2)
    expect(await readdir(folder)).toEqual([])
  })

  it.for(['wrangler.toml', '.dev.vars'])('to replace %s', async (name) => {
    await writeFile(join(folder, name), 'mine')
    const { code, stderr } = await init(['--from', 'https://www.shop.test/', '--no-check', '--yes'])
    expect(code).toBe(2)
    expect(stderr).toContain(`${name} already exists in ${folder}: add --force to replace`)
    expect(await readdir(folder)).toEqual([name])
    expect(await text(name)).toBe('mine')
  })

  it.for(['', '--force'])('a folder with a wrangler.jsonc, which would be used instead: %s', async (flag) => {
    await writeFile(join(folder, 'wrangler.jsonc'), 'mine')
    const args = ['--from', 'https://www.shop.test/', '--no-check', '--yes']
    const { code, stderr } = await init(flag === '' ? args : [...args, flag])
    expect(code).toBe(2)
    expect(stderr).toContain('wrangler would use wrangler.jsonc')
    expect(await readdir(folder)).toEqual(['wrangler.jsonc'])
  })
})

describe('tries a web server', () => {
  it.for<{ answer: RequestListener; code: number; says: string }>([
    { answer: (_, response) => response.writeHead(404).end(), code: 0, says: '✓' },
    { answer: (_, response) => response.writeHead(410).end(), code: 0, says: '✓' },
    {
      answer: ({ method }, response) => response.writeHead(method === 'HEAD' ? 405 : 404).end(),
      code: 0,
      says: '✓',
    },
    {
      answer: (_, response) => response.writeHead(403).end(),
      code: 0,
      says: 'absent_statuses = [403, 404, 410]',
    },
    {
      answer: ({ url }, response) => response.writeHead(301, { Location: `/media${url}` }).end(),
      code: 0,
      says: '/media/, which saves a request',
    },
    {
      answer: (_, response) => response.writeHead(302, { Location: '/login' }).end(),
      code: 1,
      says: 'the server redirects to /login (302)',
    },
    {
      answer: (_, response) => response.end('<h1>Welcome</h1>'),
      code: 1,
      says: 'nothing would ever be absent there',
    },
    { answer: (_, response) => response.writeHead(401).end(), code: 1, says: 'set PRODUCTION_BASIC_AUTH' },
    { answer: (_, response) => response.writeHead(500).end(), code: 1, says: 'the server answers 500' },
    { answer: ({ socket }) => socket.destroy(), code: 1, says: 'cannot be reached: ' },
  ])('exit code $code: $says', async ({ answer, code, says }) => {
    const { stdout, ...ran } = await init(['--from', await serve(answer), '--yes'])
    expect(stdout).toContain(says)
    expect(ran.code).toBe(code)
    expect((await readdir(folder)).length > 0).toBe(code === 0)
    if (code === 1) expect(ran.stderr).toContain('nothing was written. --no-check writes')
  })

  it('and notices that it lists its folders', async () => {
    const url = await serve((request, response) => {
      if (request.url !== '/media/') return response.writeHead(404).end()
      return response
        .writeHead(200, { 'Content-Type': 'application/json' })
        .end('[{"name": "photos", "type": "directory", "mtime": "Sun, 29 Nov 2026 00:00:00 GMT"}]')
    })
    expect((await init(['--from', `${url}media`, '--yes'])).stdout).toContain('and lists its folders')
    expect(chain()[1]).toEqual({
      type: 'http',
      name: 'production',
      url: `${url}media/`,
      listing: 'autoindex-json',
    })
  })

  it.each(['[]', '["a", "b"]', '[1]', '[{"name": "a"}]', '{}', '[', '<html>'])(
    'and takes %s for no listing',
    async (body) => {
      const url = await serve((request, response) => {
        if (request.url !== '/') return response.writeHead(404).end()
        return response.writeHead(200, { 'Content-Type': 'application/json' }).end(body)
      })
      const ran = await init(['--from', url, '--yes'])
      expect(ran.code, ran.stderr).toBe(0)
      expect(chain()[1]).toEqual({ type: 'http', name: 'production', url })
    },
  )

  it('with the user name and the password of the environment', async () => {
    const url = await serve(({ headers }, response) => {
      const expected = `Basic ${Buffer.from('editor:grün').toString('base64')}`
      response.writeHead(headers.authorization === expected ? 404 : 401).end()
    })
    expect(
      (await init(['--from', url, '--yes'], { PRODUCTION_BASIC_AUTH: 'editor:wrong' })).stdout,
    ).toContain('does not accept this user name and password')
    expect((await init(['--from', url, '--yes'], { PRODUCTION_BASIC_AUTH: 'editor:grün' })).code).toBe(0)
    expect(chain()[1]).toMatchObject({ basic_auth: 'PRODUCTION_BASIC_AUTH' })
    expect(parseEnv(await text('.dev.vars'))).toMatchObject({ PRODUCTION_BASIC_AUTH: 'editor:grün' })
  })

  it('never, with --no-check', async () => {
    const requests: (string | undefined)[] = []
    const url = await serve((request, response) => {
      requests.push(request.url)
      response.end()
    })
    expect((await init(['--from', url, '--no-check', '--yes'])).code).toBe(0)
    expect(requests).toEqual([])
  })
})

describe('tries a bucket', () => {
  let s3: LocalS3

  beforeAll(async () => {
    s3 = await startS3(['old'])
  })

  afterAll(() => s3.close())

  const KEYS = {
    LEGACY_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    LEGACY_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  }
  const tryBucket = (endpoint: string, env: Record<string, string> = KEYS, bucket = 'old'): Promise<Ran> =>
    init(['--s3', endpoint, '--s3-bucket', bucket, '--migrate', '--yes'], env)

  it('with a signature', async () => {
    const { code, stdout } = await tryBucket(s3.endpoint)
    expect(stdout).toContain('✓ legacy         the bucket old answers in')
    expect(stdout).toContain('but is empty')
    expect(code).toBe(0)
    expect(chain()[1]).toEqual({
      type: 's3',
      name: 'legacy',
      endpoint: `${s3.endpoint}/`,
      bucket: 'old',
      credentials: 'LEGACY',
    })
  })

  it.for([
    { env: { ...KEYS, LEGACY_SECRET_ACCESS_KEY: 'wrong' }, says: 'check the secret access key' },
    { env: {}, says: 'set LEGACY_ACCESS_KEY_ID and LEGACY_SECRET_ACCESS_KEY in the environment' },
    { env: KEYS, bucket: 'other', says: 'check the name of the bucket' },
  ])('and says what to do: $says', async ({ env, bucket, says }) => {
    const { code, stdout } = await tryBucket(s3.endpoint, env, bucket)
    expect(stdout).toContain(says)
    expect(code).toBe(1)
    expect(await readdir(folder)).toEqual([])
  })

  it('and learns its region from the server', async () => {
    const url = await serve(({ headers }, response) => {
      if (headers.authorization?.includes('/eu-central-1/s3/'))
        response.end('<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>')
      else
        response
          .writeHead(400)
          .end('<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>')
    })
    expect((await tryBucket(url)).stdout).toContain('and lists its objects')
    expect(chain()[1]).toMatchObject({ region: 'eu-central-1' })
  })

  it('and recognises a server that is not one of S3', async () => {
    const { code, stdout } = await tryBucket(await serve((_, response) => response.end('<html>')))
    expect(stdout).toContain('check the endpoint')
    expect(code).toBe(1)
  })
})

it('answers in JSON', async () => {
  const url = await missing()
  const ran = await init(['--from', url, '--yes', '--json'])
  expect(records(ran)).toEqual([
    { ok: true, checks: [{ name: 'production', status: 'ok', detail: expect.stringContaining(url) }] },
    { folder, files: ['wrangler.toml', '.dev.vars', '.gitignore'] },
  ])
})

describe('asks on a terminal', () => {
  interface Terminal {
    code: number
    /** All that was shown. */
    shown: string
  }

  /** Types each answer when its question is shown; at the end, the terminal is closed. */
  async function converse(args: string[], answers: [question: string, answer: string][]): Promise<Terminal> {
    const stdin = Object.assign(new PassThrough(), { isTTY: true })
    let shown = ''
    let seen = 0
    const screen = new Writable({
      write(chunk: Buffer, _encoding, done) {
        shown += chunk.toString()
        const [question, answer] = answers[0] ?? []
        const found = question === undefined ? -1 : shown.indexOf(question, seen)
        if (question !== undefined && answer !== undefined && found >= 0) {
          answers.shift()
          seen = found + question.length
          setImmediate(() => stdin.write(answer))
        }
        done()
      },
    })
    const io = { stdin, stdout: screen, stderr: screen, env: {} }
    const code = await run(['init', '--dir', folder, ...args], io)
    expect(answers, shown).toEqual([])
    return { code, shown }
  }

  it('what is not given, and not again what is', async () => {
    const url = await missing()
    const { code, shown } = await converse(
      [],
      [
        ['Number [1]: ', '3\r'],
        ['must be a number from 1 to 2', '2\r'],
        ['Number [1]: ', '\r'],
        ['Its URL: ', 'www.example.com\r'],
        ['must be an absolute', `${url}\r`],
        ['[media]: ', 'archive\r'],
      ],
    )
    expect(shown).toContain('npx fallback-storage dev')
    expect(code).toBe(0)
    expect(chain()).toEqual([
      { type: 'r2', binding: 'MEDIA' },
      { type: 'http', name: 'legacy', url },
    ])
    const asked = await converse(['--from', url, '--bucket', 'archive', '--migrate', '--force'], [])
    expect(asked.code).toBe(0)
  })

  it('for credentials, without showing them', async () => {
    const { code, shown } = await converse(
      ['--s3', 'http://127.0.0.1:9', '--s3-bucket', 'old', '--migrate', '--bucket', 'media'],
      [
        ['Access key id', 'KEY\r'],
        ['Secret access key: ', 'very-secret\r'],
        ['Write the configuration anyway? [y/N]: ', 'y\r'],
      ],
    )
    expect(code).toBe(0)
    expect(shown).toContain('cannot be reached')
    expect(shown).not.toContain('very-secret')
    expect(parseEnv(await text('.dev.vars'))).toMatchObject({ LEGACY_SECRET_ACCESS_KEY: 'very-secret' })
  })

  it('for a password if the server wants one', async () => {
    const url = await serve(({ headers }, response) => {
      const expected = `Basic ${Buffer.from('editor:s3same').toString('base64')}`
      response.writeHead(headers.authorization === expected ? 404 : 401).end()
    })
    const { code, shown } = await converse(
      ['--from', url, '--bucket', 'media', '--migrate'],
      [
        ['User name for', 'editor\r'],
        ['Password: ', 's3same\r'],
      ],
    )
    expect(shown).not.toContain('s3same')
    expect(code).toBe(0)
    expect(chain()[1]).toMatchObject({ basic_auth: 'LEGACY_BASIC_AUTH' })
  })

  it.for([
    { key: 'Ctrl-C', answer: '\u0003' },
    { key: 'Ctrl-D', answer: '\u0004' },
  ])('until $key, and writes nothing', async ({ answer }) => {
    const { code, shown } = await converse([], [['Number [1]: ', answer]])
    expect(code).toBe(130)
    expect(shown).toContain('nothing was written')
    expect(await readdir(folder)).toEqual([])
  })

  it('before it writes what it could not try', async () => {
    const { code } = await converse(
      ['--from', 'http://127.0.0.1:9/', '--migrate', '--bucket', 'media'],
      [['Write the configuration anyway? [y/N]: ', '\r']],
    )
    expect(code).toBe(1)
    expect(await readdir(folder)).toEqual([])
  })
})
