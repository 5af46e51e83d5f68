import type { Backends } from '../../../client/client.ts'
import { formatTime } from '../../format.ts'
import { base, session } from '../../session.ts'

const MAY = { read: 'may read', write: 'may read and write', admin: 'may do everything' } as const

/** The configuration as the Worker has read it, without secrets. */
export function Settings({ chain: { backends, migration, deletes } }: { chain: Backends }) {
  const signedIn = session.value
  const scope = signedIn?.scopes.at(-1)
  return (
    <section class="card" aria-label="Settings">
      <h2>Settings</h2>
      <dl class="facts">
        <dt>Media</dt>
        <dd>{base}</dd>
        <dt>Copies on read</dt>
        <dd>
          {migration ? 'yes (FALLBACK_DATA_MIGRATION)' : 'no; FALLBACK_DATA_MIGRATION = true turns them on'}
        </dd>
        <dt>Deletes</dt>
        <dd>
          {deletes === 'tombstone'
            ? 'leave a tombstone, so that fallbacks do not serve the object again'
            : 'remove the object from the first backend only (FALLBACK_DELETES = "first")'}
        </dd>
        <dt>Signed in</dt>
        <dd>
          {signedIn?.name}
          {scope && `, ${MAY[scope]}`}
          {signedIn?.prefix !== undefined && `, below “${signedIn.prefix}”`}
          {signedIn?.expires_time !== undefined && `, until ${formatTime(signedIn.expires_time)}`}
        </dd>
      </dl>
      <h3 class="settings-heading">The chain</h3>
      <ol class="settings-chain">
        {backends.map(({ name, config }) => (
          <li key={name}>
            <b>{name}</b>{' '}
            {config === null ? (
              <span class="muted">not configured by FALLBACK_STORAGES</span>
            ) : (
              <code>
                {Object.entries(config)
                  .filter(([key, value]) => key !== 'name' && !isEmpty(value))
                  .map(([key, value]) => `${key} = ${JSON.stringify(value)}`)
                  .join(', ')}
              </code>
            )}
          </li>
        ))}
      </ol>
    </section>
  )
}

function isEmpty(value: unknown): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0)
}
