/** Whose events are followed: the words of the setting `events`. */

/** The words for `events` that are no namespace. */
export const ALL_EVENTS = 'all';
export const NO_EVENTS = 'off';
/** The command that follows containerd's events; what it has read lies under this name. */
export const EVENTS_NAME = 'containerd-events';

/** What is wrong with it, as a clause; undefined: nothing. (containerd v2.1, pkg/identifiers: what a namespace may be called.) */
export function eventsFault(names: readonly string[]): string | undefined {
  const wrong = names.find((name) => name.length > 76 || !/^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/.test(name));
  if (wrong !== undefined) return `"${wrong.slice(0, 80)}" is no namespace of containerd. Write ${ALL_EVENTS}, ${NO_EVENTS}, or names such as default, k8s.io, moby.`;
  const word = names.find((name) => name === ALL_EVENTS || name === NO_EVENTS);
  return word !== undefined && names.length > 1 ? `"${word}" stands alone, without other names.` : undefined;
}
