import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { CREDENTIALS } from '../../test/kit/servers/s3.ts'
import { RCLONE_BUCKET, SOURCE_BUCKET, type Sample, type Source } from './source.ts'

/**
 * Objects per second of `rclone copy` for these, to a bucket of the same endpoint; `null` if it is not installed.
 * Their folders must contain nothing else.
 */
export async function timeRclone(
  { endpoint, directEndpoint }: Source,
  samples: readonly Sample[],
  transfers: number,
): Promise<number | null> {
  // Two remotes: within one, rclone lets the server copy, and transfers no bytes.
  const env = { ...remote('SOURCE', endpoint), ...remote('TARGET', directEndpoint) }
  // rclone's S3 client refuses a bundle of certificates, and none is needed here.
  const { AWS_CA_BUNDLE: _, ...inherited } = process.env
  const started = performance.now()
  // oxfmt-ignore
  const child = spawn('rclone', [
    'copy', `source:${SOURCE_BUCKET}`, `target:${RCLONE_BUCKET}`, '--config', '/dev/null',
    '--transfers', String(transfers), '--checkers', String(transfers), '--retries', '1', '--max-duration', '1h',
    ...foldersOf(samples).flatMap((folder) => ['--include', `/${folder}/**`]),
  ], { env: { ...inherited, ...env }, stdio: ['ignore', 'inherit', 'inherit'] })
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    if (code !== 0) throw new Error(`rclone ended with ${signal ?? code}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  return samples.length / ((performance.now() - started) / 1000)
}

function foldersOf(samples: readonly Sample[]): string[] {
  return [...new Set(samples.map(({ name }) => name.slice(0, name.lastIndexOf('/'))))]
}

function remote(name: string, endpoint: string): Record<string, string> {
  const settings = {
    TYPE: 's3',
    PROVIDER: 'Cloudflare',
    ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    ENDPOINT: endpoint,
    REGION: 'auto',
    FORCE_PATH_STYLE: 'true',
    NO_CHECK_BUCKET: 'true',
  }
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`RCLONE_CONFIG_${name}_${key}`, value]),
  )
}
