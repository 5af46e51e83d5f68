import type { Config } from './config.ts'
import { describeBackends } from './describe.ts'

/**
 * The same in every isolate of a deployment and, as far as the Worker can know, in no other: from the configuration without its
 * secrets, and from the id of a Durable Object, which is different in each namespace.
 */
export function deploymentId(
  config: Pick<Config, 'backends' | 'mediaPath' | 'mediaUrl' | 'services'>,
): string {
  const { mediaPath, mediaUrl, services } = config
  const object = services.backfillJobs?.idFromName('index').toString()
  return fnv1a(JSON.stringify([describeBackends(config), mediaPath, mediaUrl, object]))
}

/** 32 bits in hex: enough to distinguish a handful of deployments. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
