import type { Backends } from '../../../client/client.ts'
import { base, session } from '../../session.ts'

const SCOPES = { read: 'read', write: 'read and write', admin: 'everything' } as const

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
          {scope && `, may ${SCOPES[scope] === 'everything' ? 'do everything' : SCOPES[scope]}`}
          {signedIn?.prefix !== undefined && `, below “${signedIn.prefix}”`}
          {signedIn?.expires_time !== undefined &&
            `, until ${new Date(signedIn.expires_time).toLocaleString('en')}`}
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
                  .filter(([key]) => key !== 'name')
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
