/** Process environment, as data. */
export type Environment = Readonly<Record<string, string | undefined>>;

export type Substituted =
  /** `used`: at least one variable took part. */
  | { readonly kind: 'text'; readonly text: string; readonly used: boolean }
  | { readonly kind: 'bad'; readonly what: string };

//                   1: name                    2: default
const REFERENCE = /^\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/;

/**
 * `${env:NAME}` and `${env:NAME:-default}` in a value; `$$` is a dollar sign. As in the OpenTelemetry Collector: the
 * default counts only when the variable is unset, and what is put in is not looked at again.
 */
export function substitute(text: string, env: Environment): Substituted {
  let out = '';
  let used = false;
  for (let at = 0; at < text.length; ) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) return { kind: 'text', text: out + text.slice(at), used };
    out += text.slice(at, dollar);
    if (text.startsWith('$$', dollar)) {
      out += '$';
      at = dollar + 2;
    } else if (text.startsWith('${', dollar)) {
      const [whole, name, preset] = REFERENCE.exec(text.slice(dollar)) ?? [];
      if (whole === undefined || name === undefined) return { kind: 'bad', what: notReference(text.slice(dollar)) };
      const value = Object.hasOwn(env, name) ? (env[name] ?? preset) : preset;
      if (value === undefined) return { kind: 'bad', what: `environment variable ${name} is not set. Set it, or give a default: \${env:${name}:-default}` };
      out += value;
      used = true;
      at = dollar + whole.length;
    } else {
      out += '$';
      at = dollar + 1;
    }
  }
  return { kind: 'text', text: out, used };
}

function notReference(text: string): string {
  const [, name] = /^\$\{([A-Za-z_][A-Za-z0-9_]*)/.exec(text) ?? [];
  return `"\${" begins no reference that is known here. Write \${env:${name ?? 'NAME'}:-default}, or $$ for a dollar sign.`;
}
