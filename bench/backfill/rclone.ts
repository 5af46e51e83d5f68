import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { CREDENTIALS, RCLONE_BUCKET, SOURCE_BUCKET, type Source } from './source.ts'

/** Seconds that `rclone copy` takes for the same objects, to a bucket of the same endpoint; `null` where it is not installed. */
export async function timeRclone({ directEndpoint }: Source, transfers: number): Promise<number | null> {
  const env: Record<string, string> = {}
  for (const [key, value] of Object.entries({
    TYPE: 's3',
    PROVIDER: 'Cloudflare',
    ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    ENDPOINT: directEndpoint,
    REGION: 'auto',
    FORCE_PATH_STYLE: 'true',
    NO_CHECK_BUCKET: 'true',
  }))
    env[`RCLONE_CONFIG_LOCAL_${key}`] = value
  // rclone's S3 client refuses a bundle of certificates, and none is needed here.
  const { AWS_CA_BUNDLE: _, ...inherited } = process.env
  const started = performance.now()
  // oxfmt-ignore
  const child = spawn('rclone', [
    'copy', `local:${SOURCE_BUCKET}`, `local:${RCLONE_BUCKET}`, '--config', '/dev/null',
    '--transfers', String(transfers), '--checkers', String(transfers), '--fast-list', '--retries', '1',
  ], { env: { ...inherited, ...env }, stdio: ['ignore', 'inherit', 'inherit'] })
  const failed = once(child, 'error').then(() => 'missing' as const)
  const ended = once(child, 'exit').then(([code]: unknown[]) => code)
  const outcome = await Promise.race([failed, ended])
  if (outcome === 'missing') return null
  if (outcome !== 0) throw new Error(`rclone ended with ${String(outcome)}`)
  return (performance.now() - started) / 1000
}
