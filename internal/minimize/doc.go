// Package minimize removes from a message what its receiver does not need: personal-data fields of bodies in JSON, XML,
// forms and multipart, and query parameters, by rules that are compiled once per operation and applied in one pass.
//
// # Rules
//
// Rules are paths in a subset of JSONPath (RFC 9535): $, .name, ['name'], [*] (also written .*) and ..name; .@name and
// .#name stand for ['@name'] and ['#name'].
//
//   - Allow makes an allow-list: a value is kept if an allowed path selects it or something above it.
//   - Remove cuts values out, also out of allowed ones. Without Allow it is a deny-list.
//   - Require is the floor the receiver cannot do without: never removed, whatever the other lists say.
//   - Exceptions are kept like the floor, but need not be present.
//   - Embedded names texts that are themselves documents in JSON or XML. Paths go on into them.
//
// A path selects what RFC 9535 says, and in addition reads a list and a single value alike, because carriers whose JSON
// was once XML do so: $.Package[*].Weight also selects Weight of a Package that is one object, $.Package.Weight that of
// each element of a list. Remove compares names without regard to case, Unicode form, invisible characters, look-alike
// letters and outer spaces or dots, because a lenient receiver may read PHONE as phone; the other lists compare exactly.
//
// Fields are removed, never blanked. A container that loses its last member goes too, unless a path of Allow, Require or
// Exceptions selects that container itself, or it is the document. A removed list element is not replaced: the list gets
// shorter. Everything that is kept keeps its bytes: numbers, strings, escapes and order; a document from which nothing
// was removed is passed on byte for byte, otherwise white space around the kept parts may be dropped.
//
// # Formats
//
// In JSON, members and elements are what they are.
//
// In XML, an element is a member by its local name, whatever its prefix and namespace; the root element is the first name
// below $. Repeated elements are one or many, like a list. An attribute is the member @name, text is the member #text: it is
// kept with its element if that is allowed, and beside child elements removed where only those are. White space between
// elements stays, or goes with the element that it precedes. Declarations of namespaces go with their element always, since
// what is kept inside may need them. Comments may hold anything and are removed everywhere, counted as #comment. A root
// element that the rules keep or lead into stays, even empty; a document with another root is refused. A byte order mark of
// UTF-8 passes, which JSON must not have.
//
// In a form, a field is a member by its decoded name. A name that comes again is a list where a path has [*] behind it;
// elsewhere all of it passes or goes in Redact, and Enforce refuses. To Remove, name[] and name[0] are variants of name.
//
// In multipart, a part is a member by the name in its Content-Disposition. Elsewhere than in form-data, a part without that
// is a member by its Content-ID if the rules mention it, otherwise by its position, ['part[1]'] for the first. A name that comes again
// is a list as in a form. The body of a part is one value, passed or left out as it is, unless Embedded says that it is a
// document. With a part go its Content-Disposition with the name, Content-Type with the parameters that say how to read it,
// Content-Transfer-Encoding, Content-ID outside of forms, and Content-Length while it is right. Other headers and parameters
// are members @name of the part, in lower case, that pass only by a path that ends in their name: a file name is personal
// data, and goes unless $.part['@filename'] is allowed. Text before and behind all parts is removed.
//
// An embedded document that was changed is escaped anew for the text that holds it, another keeps its bytes. One of which
// nothing is left goes, with its field. A blank text is no document.
//
// # Modes
//
//   - Report changes and refuses nothing. It counts what Redact would remove; a body that can't be decoded is passed on,
//     and the reason is recorded.
//   - Redact removes. What can't be decoded with one meaning only is refused: bad syntax, duplicate names or attributes, bytes
//     that are not UTF-8, byte order marks, trailing data, depth, size; in XML also DOCTYPE, entities other than the five,
//     processing instructions, XInclude, undeclared prefixes; in forms semicolons and broken escapes; in multipart parts
//     inside parts, encoded text, extended or repeated parameters, and boundaries that are not alone in their line. A name
//     that is a variant of a known one is an unknown field to the allow-list and the field itself to Remove: removed either
//     way. A missing floor is recorded.
//   - Enforce removes like Redact and refuses besides what a correct client never sends: a variant of a name the rules
//     know at that place, a body that lacks a required path, and a query parameter, field or part given twice.
//
// # Limits of the method
//
// Rules know names, not meanings. A datum that a client puts into another, allowed field (free text, JSON inside a
// string that Embedded does not name, base64, the name of a namespace) passes. Names are reported by Removed only when they
// look like field names, values never.
//
// The compiled rules know nothing of formats: each is one file or a few that walk a Program over their own syntax.
package minimize
