import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const SCRIPTS = fileURLToPath(new URL('scripts/', import.meta.url))

/** What the scripts do. Each step's result is a text, which a client that can do the step must produce exactly. */
export const STEPS = [
  'folders',
  'ranges',
  'names',
  'big',
  'copied-big',
  'seeded',
  'copied',
  'conditional-write',
  'deleted',
  'listed',
  'presigned-get',
  'presigned-put',
] as const
export type Step = (typeof STEPS)[number]

/** The steps of a brief run: listing, reading and storing. */
export const BRIEF: readonly Step[] = ['folders', 'ranges', 'names']

export interface Program {
  name: string
  /** Runs the script: a command and its first arguments. */
  command: readonly string[]
  script: string
  env?: Record<string, string>
  /** Steps that the client has no means for, with the reason. */
  cannot: Partial<Record<Step, string>>
  /** Whether it works with an endpoint that has a path, such as `/-/s3`. */
  acceptsPath?: boolean
  /** Why it cannot run on this machine. */
  missing?: string
}

const NO_BIG_COPY = 'copies large objects by CopyObject only'
const NO_CONDITION = 'cannot send If-None-Match with an upload'
const NO_PRESIGNED_PUT = 'makes presigned URLs for GET only'

/** Python and aws-cli that come first in the PATH, if they are not Debian's. */
const NEWER = await newer()

/** The command-line clients of `test:clients`. All but the newer aws-cli must be installed. */
export const COMMANDS: readonly Program[] = [
  {
    name: 'aws-cli (Debian)',
    command: ['/bin/bash'],
    script: 'aws-cli.sh',
    env: { CLIENT: '/usr/bin/aws' },
    acceptsPath: true,
    cannot: { 'conditional-write': `${NO_CONDITION} before 2.17`, 'presigned-put': NO_PRESIGNED_PUT },
  },
  {
    name: 'aws-cli (newer)',
    command: ['/bin/bash'],
    script: 'aws-cli.sh',
    env: { CLIENT: 'aws' },
    cannot: { 'presigned-put': NO_PRESIGNED_PUT },
    ...(NEWER.aws !== undefined && { missing: NEWER.aws }),
  },
  {
    name: 'rclone',
    command: ['/bin/bash'],
    script: 'rclone.sh',
    acceptsPath: true,
    cannot: { 'conditional-write': NO_CONDITION, 'presigned-put': NO_PRESIGNED_PUT },
  },
  {
    name: 's3cmd',
    command: ['/bin/bash'],
    script: 's3cmd.sh',
    cannot: {
      ranges: 'reads whole objects only',
      'copied-big': NO_BIG_COPY,
      'conditional-write': NO_CONDITION,
      'presigned-get': 'signs URLs with SigV2',
      'presigned-put': 'signs URLs with SigV2',
    },
  },
  {
    name: 's3fs',
    command: ['/bin/bash'],
    script: 's3fs.sh',
    cannot: {
      'copied-big': 'a copy in a file system is a read and a write',
      'conditional-write': NO_CONDITION,
      'presigned-get': 'is a file system, without URLs',
      'presigned-put': 'is a file system, without URLs',
    },
    ...(!existsSync('/dev/fuse') && { missing: 'there is no /dev/fuse, so nothing can be mounted' }),
  },
  {
    name: 'restic',
    command: ['/bin/bash'],
    script: 'restic.sh',
    cannot: Object.fromEntries(
      STEPS.filter((step) => step !== 'names' && step !== 'big').map((step) => [
        step,
        'reads and writes the files of its repository only',
      ]),
    ),
  },
]

/** The libraries of `test:clients`. All but the newer boto3 must be installed. */
export const LIBRARIES: readonly Program[] = [
  { name: 'boto3 (Debian)', command: ['/usr/bin/python3'], script: 'boto.py', cannot: {} },
  {
    name: 'boto3 (newer)',
    command: ['python3'],
    script: 'boto.py',
    acceptsPath: true,
    cannot: {},
    ...(NEWER.boto !== undefined && { missing: NEWER.boto }),
  },
  {
    name: 'AWS SDK for JavaScript',
    command: [process.execPath, '--no-warnings'],
    script: 'sdk-client.ts',
    acceptsPath: true,
    cannot: { 'copied-big': 'lib-storage has no multipart copy' },
  },
  {
    name: 'minio-js',
    command: [process.execPath, '--no-warnings'],
    script: 'minio-client.ts',
    cannot: { 'copied-big': NO_BIG_COPY, 'conditional-write': NO_CONDITION },
  },
  {
    name: 'aws-sdk-s3 for Ruby',
    command: ['ruby'],
    script: 'ruby.rb',
    acceptsPath: true,
    cannot: {},
  },
  {
    name: 'django-storages',
    command: ['/usr/bin/python3'],
    script: 'django-storages.py',
    cannot: {
      ranges: 'reads whole objects only',
      'copied-big': 'has no copies',
      copied: 'has no copies',
      'conditional-write': NO_CONDITION,
      'presigned-put': NO_PRESIGNED_PUT,
    },
  },
]

/** How long a script may run. */
const TIMEOUT = 120_000

/** Where a script works. */
export interface Place {
  endpoint: string
  bucket: string
  /** Ends in `/`. The script's own names begin with it. */
  prefix: string
  credentials: { accessKeyId: string; secretAccessKey: string }
  /** The certificate of a server with TLS. */
  caFile?: string
  /** Files to upload, with awkward names. */
  tree: string
  /** A file of 20 MiB. */
  big: string
  /** A new folder for the script's own files. */
  folder: string
  /** Ends after the steps of `BRIEF`. */
  brief?: boolean
}

/** Runs a client's script: the results of its steps. Throws with its output if it fails. */
export async function runScript(program: Program, place: Place): Promise<Partial<Record<Step, string>>> {
  const out = join(place.folder, 'out')
  const cwd = join(place.folder, 'work')
  await mkdir(out, { recursive: true })
  await mkdir(cwd)
  const env = {
    ...process.env,
    HOME: cwd,
    S3_ENDPOINT: place.endpoint,
    BUCKET: place.bucket,
    PREFIX: place.prefix,
    AWS_ACCESS_KEY_ID: place.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: place.credentials.secretAccessKey,
    AWS_REGION: 'auto',
    AWS_DEFAULT_REGION: 'auto',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CA_BUNDLE: undefined,
    CA_FILE: place.caFile ?? '',
    NODE_EXTRA_CA_CERTS: place.caFile,
    TREE: place.tree,
    BIG: place.big,
    OUT: out,
    BRIEF: place.brief ? '1' : '',
    LC_ALL: 'C.UTF-8',
    ...program.env,
  }
  const [command = '', ...args] = program.command
  const child = spawn(command, [...args, join(SCRIPTS, program.script)], {
    cwd,
    env,
    // A process group of its own, so that a client that hangs is killed with its script.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), TIMEOUT)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  const files = await readdir(out)
  const results: Partial<Record<Step, string>> = Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(join(out, file), 'utf8')] as const)),
  )
  if (code !== 0) {
    const end = code === null ? `was killed after ${TIMEOUT / 1000} s` : `ended with ${code}`
    const step = STEPS.find((able) => !(able in program.cannot) && !results[able]) ?? 'after all steps'
    throw new Error(`${program.name} ${end} (step: ${step}):\n${output.slice(-8000)}`)
  }
  return results
}

/** Why there is no newer aws-cli or boto3 than Debian's, if so. */
async function newer(): Promise<{ aws?: string; boto?: string }> {
  const run = async (command: string, ...args: string[]) =>
    promisify(execFile)(command, args).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    )
  const aws = await run('bash', '-c', 'command -v aws')
  const boto = await run('python3', '-c', 'import boto3; print(boto3.__file__)')
  return {
    ...((aws === undefined || aws === '/usr/bin/aws') && {
      aws: 'no other aws-cli than Debian’s is installed',
    }),
    ...((boto === undefined || boto.startsWith('/usr/lib/')) && {
      boto: 'no other boto3 than Debian’s is installed',
    }),
  }
}
